"""SEARCH keys, one rule a line: which of four messages each finds."""

import pytest

from bridge.sandbox import SandboxServer
from tests.sandbox.support import connected, with_anna

LETTERS = [
    b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nFrom: anna@example.org\r\nDate: 1 Feb 2026 23:30 +0100\r\n\r\nHello\r\n",
    "Subject: Grüße roh\r\nTo: ben@example.org\r\n\r\nnaïve\r\n".encode(),
    b"Subject: plain\r\nDate: Mon, 99 Foo\r\n\r\nhello again\r\n",
    b"Subject: =?x-unknown?q?=FF?= =?utf-8?b?!!?=\r\n\r\n",
]
DATES = [1_769_904_000, 1_769_990_399, 1_769_990_400, 1_770_100_000]
"""2026-02-01 00:00:00, 23:59:59, 2026-02-02 00:00:00, 2026-02-03 UTC."""

FOUND = [
    (b"BEFORE 2-Feb-2026", [1, 2]),
    (b"ON 02-feb-2026", [3]),
    (b'SINCE "2-Feb-2026"', [3, 4]),
    (b"SENTON 1-Feb-2026", [1]),
    (b"SENTBEFORE 2-Feb-2026", [1]),
    (b"NOT SENTSINCE 2-Feb-2026", [1, 2, 3, 4]),
    (b"KEYWORD $junk", [2]),
    (b"UNKEYWORD $Junk UNSEEN", [1, 4]),
    (b"BODY HELLO", [1, 3]),
    (b"TEXT plain", [3]),
    (b"BODY plain", []),
    (b'HEADER DATE ""', [1, 3]),
    (b"OLD NOT NEW NOT RECENT", [1, 2, 3, 4]),
    (b"OR (SUBJECT plain) (FROM anna)", [1, 3]),
]


def four() -> SandboxServer:
    server = with_anna(SandboxServer())
    for text, date in zip(LETTERS, DATES, strict=True):
        server.deliver("anna", text, date=date)
    server.mailbox("anna").set_flags(2, ["$Junk"])
    server.mailbox("anna").set_flags(3, ["\\Seen"])
    return server


@pytest.mark.parametrize(("key", "uids"), FOUND, ids=[key.decode() for key, _ in FOUND])
async def test_what_a_key_finds(key: bytes, uids: list[int]) -> None:
    async with connected(four(), select=b"INBOX") as raw:
        lines = await raw.ask(b"UID SEARCH " + key)
    assert lines == [b" ".join([b"* SEARCH", *(b"%d" % uid for uid in uids)]), b"T OK searched"]


async def test_texts_in_utf_8_are_found_in_encoded_words() -> None:
    async with connected(four(), select=b"INBOX") as raw:
        text = "grüsse".encode()
        lines = await raw.ask(b"UID SEARCH CHARSET UTF-8 SUBJECT {%d+}\r\n%b" % (len(text), text))
    assert lines == [b"* SEARCH 1 2", b"T OK searched"]


@pytest.mark.parametrize("date", [b"1-Feb-26", b"30-Feb-2026", b"1-Mai-2026", b"yesterday", b"1-Feb-2026-1"])
async def test_what_is_no_date(date: bytes) -> None:
    async with connected(four(), select=b"INBOX") as raw:
        assert (await raw.ask(b"UID SEARCH SINCE " + date))[-1].startswith(b"T BAD")
