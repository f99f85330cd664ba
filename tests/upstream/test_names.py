"""Which mailbox a selector means."""

from collections.abc import AsyncIterator, Iterator

import pytest

from bridge.model.failures import MailboxMissing
from bridge.model.names import MailboxName
from bridge.sandbox import Rule, Script
from bridge.sandbox.faults import Answer, Say
from bridge.upstream import Account, Watcher
from tests.support.dovecot import Dovecot, dovecot_missing
from tests.upstream.beds import LETTER, Bed, key, listing, read, running

MAILBOXES = ("Entw&APw-rfe", "Work", "Work/Invoices", "Work/M&APw-ll &- Co", "Lists", "Trash", "Junk", 'Odd \\"name')


@pytest.fixture
async def watcher(bed: Bed, account: Account) -> AsyncIterator[Watcher]:
    """Give the watcher of an account with several mailboxes."""
    if bed.kind == "sandbox":
        bed.sandbox.users["anna"].create("Werbung", "\\Junk")
    await bed.create(*MAILBOXES)
    async with account.watch() as made:
        yield made


@pytest.mark.parametrize(
    ("selector", "name"),
    [
        ("INBOX", "INBOX"),
        ("inbox", "INBOX"),
        ("Inbox", "INBOX"),
        ("Entwürfe", "Entwürfe"),
        ("Entwu\u0308rfe", "Entwürfe"),
        ("Work", "Work"),
        ("Work/Invoices", "Work/Invoices"),
        ("\\Trash", "Trash"),
        ("\\trash", "Trash"),
    ],
)
async def test_selectors(watcher: Watcher, selector: str, name: str) -> None:
    assert await watcher.resolve(selector) == name
    assert (await watcher.examine(await watcher.resolve(selector))).exists == 0


async def test_special_use_goes_before_a_name(bed: Bed, watcher: Watcher) -> None:
    assert await watcher.resolve("\\Junk") == ("Werbung" if bed.kind == "sandbox" else "Junk")


@pytest.mark.parametrize(
    ("selector", "hint"),
    [
        ("Xyzzy", ""),
        ("Invoices", " (did you mean 'Work/Invoices'?)"),
        ("Work/Mull & Co", " (did you mean 'Work/Müll & Co'?)"),
        ("Work/Invoice", " (did you mean 'Work/Invoices'?)"),
        ("Listen", " (did you mean 'Lists'?)"),
        ("\\Flagged", "; name the mailbox instead"),
        ("Wörk", " (did you mean 'Work'?)"),
        ("work", " (did you mean 'Work'?)"),
    ],
)
async def test_what_is_missing_is_told_with_a_hint(watcher: Watcher, selector: str, hint: str) -> None:
    with pytest.raises(MailboxMissing) as failure:
        await watcher.resolve(selector)
    assert str(failure.value) == f"account mail: there is no mailbox {selector!r}{hint}"
    assert await watcher.resolve("Lists") == "Lists"


@pytest.mark.parametrize("name", ["Entwürfe", "Work/Invoices", 'Odd "name'])
async def test_odd_names_are_read(bed: Bed, watcher: Watcher, account: Account, name: str) -> None:
    wire = {"Entwürfe": "Entw&APw-rfe", 'Odd "name': 'Odd \\"name'}.get(name, name)
    [uid] = await bed.deliver(LETTER, mailbox=wire)
    found = await watcher.resolve(name)
    state = await watcher.examine(found)
    [[row]] = await listing(watcher)
    assert (state.exists, row.uid, row.size) == (1, uid, len(LETTER))
    place = (await bed.location(uid, wire))._replace(key=key(name))
    assert await read(account, place) == LETTER
    assert (await watcher.status(found)).exists == 1


async def test_a_mailbox_made_later_is_found_by_another_look(bed: Bed, account: Account) -> None:
    async with account.watch() as watcher:
        with pytest.raises(MailboxMissing):
            await watcher.resolve("Later")
    await bed.create("Later")
    async with account.watch() as watcher:
        assert await watcher.resolve("Later") == "Later"


@pytest.fixture(scope="module")
def dotted() -> Iterator[Dovecot]:
    """Give a Dovecot whose mailboxes are divided by dots and lie below INBOX, as Courier's do."""
    if missing := dovecot_missing():
        pytest.skip(missing)
    made = Dovecot("maildir")
    text = made.config.read_text()
    made.config.write_text(text.replace("separator = /", "separator = .\n  prefix = INBOX."))
    with made:
        yield made


@pytest.mark.parametrize(
    ("selector", "name"),
    [
        ("INBOX/Work/Invoices", "INBOX.Work.Invoices"),
        ("INBOX.Work.Invoices", "INBOX.Work.Invoices"),
        ("inbox/Work", "INBOX.Work"),
        ("Inbox.Work", "INBOX.Work"),
        ("\\Trash", "INBOX.Trash"),
        ("\\Archive", "INBOX.Archive"),
        ("inbox", "INBOX"),
    ],
)
async def test_another_delimiter_may_be_written_as_a_slash(dotted: Dovecot, selector: str, name: str) -> None:
    bed = Bed("dovecot", dotted, "anna")
    await bed.create("INBOX.Work", "INBOX.Work.Invoices")
    async with running(bed.settings()) as account, account.watch() as watcher:
        assert await watcher.resolve(selector) == name
        assert (await watcher.examine(MailboxName(name))).exists == 0


class TestScripted:
    """LIST as other servers answer it."""

    async def resolve(self, bed: Bed, selector: str, *lines: bytes) -> str:
        """Resolve against a LIST of these lines; gives the name, or the failure."""
        says = Say(b"".join(b"* LIST " + line + b"\r\n" for line in lines))
        bed.sandbox.script = Script([Rule("command", (says, Answer("OK")), "LIST", times=None)])
        async with running(bed.settings()) as account, account.watch() as watcher:
            try:
                return await watcher.resolve(selector)
            except MailboxMissing as failure:
                return str(failure)

    @pytest.mark.parametrize(
        ("selector", "lines", "name"),
        [
            ("Work/Bills", (b'() "." INBOX', b'() "." Work.Bills'), "Work.Bills"),
            ("Work/Bills", (b'() "\\\\" Work\\Bills',), "Work\\Bills"),
            ("\\Trash", (b'(\\Trash) "/" Bin', b'() "/" Trash'), "Bin"),
            ("\\Trash", (b'() "/" "Deleted Items"',), "Deleted Items"),
            ("\\Trash", (b'() "/" Papierkorb', b'(\\Noselect) "/" Trash'), "Papierkorb"),
            ("\\Archive", (b'() "." INBOX.Archives',), "INBOX.Archives"),
            ("\\All", (b'(\\All \\HasNoChildren) "/" "[Gmail]/All Mail"',), "[Gmail]/All Mail"),
            ("\\Important", (b'(\\Important) "/" "[Gmail]/Wichtig"',), "[Gmail]/Wichtig"),
            ("Literal", (b'() "/" {7}\r\nLiteral',), "Literal"),
            ("flat", (b"() NIL flat",), "flat"),
        ],
    )
    async def test_found(self, alone: Bed, selector: str, lines: tuple[bytes, ...], name: str) -> None:
        assert await self.resolve(alone, selector, *lines) == name

    @pytest.mark.parametrize("attribute", [b"\\Noselect", b"\\NONEXISTENT", b"\\noSelect"])
    async def test_what_holds_no_mail_is_none(self, alone: Bed, attribute: bytes) -> None:
        lines = (b"(" + attribute + b') "/" Work', b'() "/" Works')
        missing = "account mail: there is no mailbox 'Work' (did you mean 'Works'?)"
        assert await self.resolve(alone, "Work", *lines) == missing

    async def test_a_name_that_is_no_proper_utf_7_is_addressed_as_it_was_spelled(self, alone: Bed) -> None:
        rules = [
            Rule("command", (Say(b'* LIST () "/" "M&APw-ll&"\r\n'), Answer("OK")), "LIST", times=None),
            Rule("command", Answer("NO", "gone"), "EXAMINE"),
        ]
        alone.sandbox.script = Script(rules)
        async with running(alone.settings()) as account, account.watch() as watcher:
            with pytest.raises(MailboxMissing) as failure:
                await watcher.resolve("Mull")
            found = await watcher.resolve(str(failure.value).split("'")[-2])
            with pytest.raises(MailboxMissing):
                await watcher.examine(found)
        [asked] = alone.sandbox.commands("EXAMINE")
        assert asked.arguments.split(" ")[0].strip('"') == "M&APw-ll&"


async def test_what_a_provider_calls_its_mailboxes_goes_before_what_is_well_known(alone: Bed) -> None:
    for name in ("Trash", "Deleted Messages"):
        alone.sandbox.users["anna"].create(name)
    for provider, name in (("", "Trash"), ("icloud", "Deleted Messages")):
        async with running(alone.settings(provider=provider)) as account, account.watch() as watcher:
            assert await watcher.resolve("\\Trash") == name
