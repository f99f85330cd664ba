"""Which messages a device's search key finds, on whatever server."""

import pytest

from bridge.model.failures import MailboxChanged, UpstreamRefused, UpstreamUnavailable
from bridge.model.names import Uid
from bridge.sandbox import ALL_CAPABILITIES
from bridge.sandbox.faults import Answer, Hang, Rule, Script
from bridge.upstream import Account
from tests.upstream.beds import LETTER, Bed, key, running, store_flags

TEXTS = [
    b"Message-ID: <1@example.org>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= now\r\nFrom: anna@example.org\r\n\r\none\r\n",
    b'Message-ID: <2@example.org>\r\nSubject: (plain) "words"\r\nTo: ben@example.org\r\n\r\n' + b"two\r\n" * 500,
    b"Message-ID: <3@example.org>\r\nSubject: plain\r\nDate: Sun, 1 Feb 2026 12:00:00 +0000\r\n\r\nthree\r\n",
]

FOUND: list[tuple[str, list[int]]] = [
    ("ALL", [1, 2, 3]),
    ("unseen", [1, 3]),
    ("SEEN", [2]),
    ("SUBJECT plain FROM anna", []),
    ("OR (SUBJECT plain SEEN) (FROM anna)", [1, 2]),
    ("NOT (OR SEEN FROM anna)", [3]),
    ('SUBJECT "(plain) \\"words\\""', [2]),
    ("LARGER 1000", [2]),
    ("SENTSINCE 1-Feb-2026 SENTBEFORE 2-Feb-2026", [3]),
    ("BEFORE 1-Jan-2030 SINCE 1-Jan-2026", [1, 2, 3]),
    ("HEADER Message-ID <3@example.org>", [3]),
    ("BODY three", [3]),
    ("KEYWORD $Odd", []),
]


async def find(account: Account, search: str, first: int = 1) -> list[int]:
    """Search INBOX."""
    async with account.watch() as watcher:
        await watcher.examine(key().mailbox)
        return list(await watcher.search(search, Uid(first)))


async def fill(bed: Bed) -> list[Uid]:
    """Deliver the three messages, the second of them seen."""
    uids = await bed.deliver(*TEXTS)
    await bed.ask(lambda imap: store_flags(imap, "INBOX", uids[1], "\\Seen"))
    return uids


async def test_what_a_key_finds(bed: Bed, account: Account) -> None:
    uids = await fill(bed)
    told: dict[str, list[int]] = {}
    async with account.watch() as watcher:
        await watcher.examine(key().mailbox)
        for search, _ in FOUND:
            told[search] = [uids.index(Uid(uid)) + 1 for uid in await watcher.search(search, Uid(1))]
    assert told == dict(FOUND)


async def test_8_bit_texts_are_found_where_the_server_can(bed: Bed, account: Account) -> None:
    uids = await fill(bed)
    if bed.kind == "pymap":  # decodes no header
        return
    assert await find(account, "SUBJECT Grüße") == uids[:1]
    assert await find(account, 'SUBJECT "grüße now" UNSEEN') == uids[:1]


async def test_from_a_uid_on(bed: Bed, account: Account) -> None:
    uids = await fill(bed)
    assert await find(account, "ALL", uids[1]) == uids[1:]
    assert await find(account, "ALL", uids[2]) == uids[2:]
    # `uid:*` names the last message also where `uid` comes behind it.
    assert await find(account, "ALL", uids[2] + 1) == []


async def test_an_empty_mailbox(bed: Bed, account: Account) -> None:
    assert await find(account, "ALL") == []


@pytest.mark.parametrize("esearch", [True, False], ids=["ESEARCH", "SEARCH"])
async def test_many_are_told_in_either_form(alone: Bed, lone_account: Account, esearch: bool) -> None:
    alone.sandbox.capabilities = set(ALL_CAPABILITIES if esearch else ALL_CAPABILITIES - {"ESEARCH"})
    uids = [alone.sandbox.deliver("anna", LETTER) for _ in range(300)]
    for uid in uids[::3]:
        alone.sandbox.mailbox("anna").set_flags(uid, ["\\Seen"])
    assert await find(lone_account, "UNSEEN", 100) == [uid for uid in uids if uid >= 100 and uid % 3 != 1]


async def test_a_server_that_will_not_search_so_can_be_used_on(alone: Bed, lone_account: Account) -> None:
    await fill(alone)
    refuses = Answer("NO", "no such charset", "BADCHARSET (US-ASCII)")
    alone.sandbox.script = Script([Rule("command", refuses, "UID SEARCH", "CHARSET")])
    async with lone_account.watch() as watcher:
        await watcher.examine(key().mailbox)
        with pytest.raises(UpstreamRefused, match='the server would not search its messages \\("no such charset"\\)'):
            await watcher.search("SUBJECT Grüße", Uid(1))
        assert list(await watcher.search("SEEN", Uid(1))) == [2]


async def test_ok_alone_is_not_taken_for_nothing_found(alone: Bed, lone_account: Account) -> None:
    await fill(alone)
    alone.sandbox.script = Script([Rule("command", Answer("OK", "searched"), "UID SEARCH")])
    async with lone_account.watch() as watcher:
        await watcher.examine(key().mailbox)
        with pytest.raises(UpstreamRefused, match="the server did not answer a search"):
            await watcher.search("SEEN", Uid(1))
        assert list(await watcher.search("SEEN", Uid(1))) == [2]


async def test_what_is_no_key_is_not_sent(alone: Bed, lone_account: Account) -> None:
    await fill(alone)
    for search in ("UNSEEN) (ALL", "1:3", "YOUNGER 3600", ""):
        with pytest.raises(UpstreamRefused, match="account mail: the search key "):
            await find(lone_account, search)
    assert alone.sandbox.commands("UID SEARCH") == []


async def test_a_server_that_does_not_answer_is_given_up(alone: Bed) -> None:
    await fill(alone)
    alone.sandbox.script = Script([Rule("command", Hang(), "UID SEARCH")])
    async with running(alone.settings(), timeout=0.2) as account:
        with pytest.raises(UpstreamUnavailable, match="took longer than"):
            await find(account, "ALL")


async def test_numbered_anew_since_it_was_examined(alone: Bed, lone_account: Account) -> None:
    await fill(alone)
    async with lone_account.watch() as watcher:
        await watcher.examine(key().mailbox)
        alone.sandbox.renumber("anna")
        await watcher.status(key("INBOX").mailbox)  # which opens it anew
        with pytest.raises(MailboxChanged):
            await watcher.search("ALL", Uid(1))
