"""Python's imaplib uses the sandbox: it parses what it is given by its own rules."""

import imaplib
import re
from collections.abc import Callable
from typing import TypeVar

import pytest
import trio

from bridge.sandbox import SandboxServer
from tests.sandbox.support import LETTER, serving, with_anna

LETTERS = [
    LETTER,
    b".\r\n..\r\nno header\r\n",
    b"",
    b"Subject: x\n\nbare\nno end",
    b"X: \xfc\r\n\r\n" + b"8bit \xff\r\n" * 9999,
]

R = TypeVar("R")


async def refereed(server: SandboxServer, judge: Callable[[imaplib.IMAP4], R]) -> R:
    def sign_in_and_judge(port: int) -> R:
        with imaplib.IMAP4("127.0.0.1", port, timeout=20) as client:
            client.login("anna", "secret")
            return judge(client)

    async with serving(server) as port:
        return await trio.to_thread.run_sync(sign_in_and_judge, port)


def bodies(client: imaplib.IMAP4) -> list[bytes]:
    client.select("INBOX", readonly=True)
    _, data = client.uid("FETCH", "1:*", "(BODY.PEEK[])")
    return [part[1] for part in data if isinstance(part, tuple)]


async def test_every_letter_comes_as_it_was_delivered() -> None:
    assert await refereed(with_anna(SandboxServer(), *LETTERS), bodies) == LETTERS


async def test_ranges_put_together_are_the_letter() -> None:
    def ranges(client: imaplib.IMAP4) -> bytes:
        client.select("INBOX", readonly=True)
        found = b""
        while True:
            _, data = client.uid("FETCH", "5", f"(BODY.PEEK[]<{len(found)}.4096>)")
            piece = data[0][1] if data and isinstance(data[0], tuple) else b""
            found += piece
            if len(piece) < 4096:
                return found

    assert await refereed(with_anna(SandboxServer(), *LETTERS), ranges) == LETTERS[4]


async def test_facts_tell_the_truth() -> None:
    def facts(client: imaplib.IMAP4) -> list[tuple[int, int, str]]:
        client.select("INBOX", readonly=True)
        _, data = client.uid("FETCH", "1:*", "(UID RFC822.SIZE INTERNALDATE)")
        lines = [line.decode() for line in data if isinstance(line, bytes)]
        form = re.compile(r'\d+ \(UID (\d+) RFC822\.SIZE (\d+) INTERNALDATE "([^"]+)"\)')
        return [(int(m[1]), int(m[2]), m[3]) for m in map(form.fullmatch, lines) if m]

    server = with_anna(SandboxServer(), *LETTERS)
    server.deliver("anna", LETTER, date=86_399)
    found = await refereed(server, facts)
    assert [(uid, size) for uid, size, _ in found] == list(enumerate([*map(len, LETTERS), len(LETTER)], 1))
    assert found[-1][2] == " 1-Jan-1970 23:59:59 +0000"


async def test_an_appended_letter_is_there_with_its_flags_and_date() -> None:
    def append(client: imaplib.IMAP4) -> None:
        status, _ = client.append("Entwürfe".encode("utf-16").hex(), "", "", LETTER)
        assert status == "NO"
        client.append("INBOX", r"(\Seen)", '" 2-Feb-2026 10:00:00 +0100"', LETTER)

    server = with_anna(SandboxServer())
    await refereed(server, append)
    (message,) = server.mailbox("anna")
    assert (message.octets, message.flags, message.date) == (LETTER, {"\\Seen"}, 1_770_022_800)


async def test_deleting_takes_the_marked_ones_only() -> None:
    def delete(client: imaplib.IMAP4) -> None:
        client.select("INBOX")
        client.uid("STORE", "2,4", "+FLAGS.SILENT", r"(\Deleted)")
        client.uid("EXPUNGE", "1:3")

    server = with_anna(SandboxServer(), *LETTERS)
    await refereed(server, delete)
    assert server.mailbox("anna").uids() == [1, 3, 4, 5]


async def test_wrong_password() -> None:
    def judge(client: imaplib.IMAP4) -> None:
        return None

    server = with_anna(SandboxServer())
    server.users["anna"].password = "other"
    with pytest.raises(ExceptionGroup) as failure:
        await refereed(server, judge)
    assert failure.group_contains(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED")
