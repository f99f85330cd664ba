"""The watcher's looks: states of mailboxes, their listings, and all their UIDs."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock

from bridge.model.failures import (
    MailboxChanged,
    MailboxMissing,
    UpstreamBroken,
    UpstreamError,
    UpstreamRefused,
    UpstreamUnavailable,
)
from bridge.model.names import MailboxName, Uid, UidValidity
from bridge.model.places import ListedMessage, MailboxState
from bridge.sandbox import ALL_CAPABILITIES, Rule, Script
from bridge.sandbox.faults import Answer, Bye, Chatter, Close, Do, Drip, Fault, Hang, Say
from bridge.upstream import Account, Watcher
from bridge.upstream.listing import BATCH
from tests.upstream.beds import INBOX, LETTER, Bed, listing, running

BOX = MailboxName("Box")
DATE = "02-Jan-2024 03:04:05 +0100"
UNIX = 1704161045


@pytest.fixture
async def watcher(account: Account) -> AsyncIterator[Watcher]:
    async with account.watch() as made:
        yield made


def numbered(count: int) -> list[bytes]:
    """Give messages of different lengths."""
    return [b"Subject: %d\r\n\r\n%s\r\n" % (n, b"x" * (n % 50)) for n in range(count)]


class TestStates:
    async def test_examine_tells_what_status_tells(self, bed: Bed, watcher: Watcher) -> None:
        for texts in ([], [LETTER, LETTER], [LETTER]):
            await bed.deliver(*texts)
            state, status = await watcher.examine(INBOX), await bed.status()
            assert (state.exists, state.uidnext, state.uidvalidity) == tuple(
                status[name] for name in ("MESSAGES", "UIDNEXT", "UIDVALIDITY")
            )

    async def test_status_of_another_mailbox_leaves_the_examined_one_open(self, bed: Bed, watcher: Watcher) -> None:
        await bed.create("Box")
        [uid] = await bed.deliver(LETTER)
        await watcher.examine(INBOX)
        await bed.deliver(LETTER, LETTER, mailbox="Box")
        state, told = await watcher.status(BOX), await bed.status("Box")
        assert (state.exists, state.uidnext, state.uidvalidity) == (2, told["UIDNEXT"], told["UIDVALIDITY"])
        [[row]] = await listing(watcher)
        assert row.uid == uid

    async def test_status_of_the_examined_mailbox_is_as_of_now(self, bed: Bed, watcher: Watcher) -> None:
        before = await watcher.examine(INBOX)
        [uid] = await bed.deliver(LETTER)
        after = await watcher.status(INBOX)
        assert (before.exists, after.exists, after.uidnext) == (0, 1, uid + 1)

    @pytest.mark.parametrize("without", [set[str](), {"LIST-STATUS"}])
    async def test_states_of_several_mailboxes(self, bed: Bed, watcher: Watcher, without: set[str]) -> None:
        await bed.create("Box", "Entw&APw-rfe (alt)")
        await bed.deliver(LETTER, LETTER, mailbox="Box")
        if bed.kind == "sandbox":
            bed.sandbox.capabilities -= without
        await watcher.resolve("Box")
        await watcher.examine(INBOX)
        names = [BOX, MailboxName("Entwürfe (alt)"), MailboxName("Nowhere"), INBOX]
        states = await watcher.states(names)
        assert sorted(states) == sorted(names)
        assert isinstance(states[names[2]], MailboxMissing)
        assert [state.exists for name in (BOX, names[1], INBOX) if isinstance(state := states[name], MailboxState)] == [
            *(2, 0, 0)
        ]
        assert states[BOX] == await watcher.status(BOX)

    async def test_states_take_one_command_or_one_round_trip(self, alone: Bed) -> None:
        names = [MailboxName(f"Box {n}") for n in range(20)]
        for name in names:
            alone.sandbox.users["anna"].create(name)
        async with running(alone.settings()) as account, account.watch() as watcher:
            await watcher.states(names)
            assert (len(alone.sandbox.commands("LIST")), len(alone.sandbox.commands("STATUS"))) == (1, 0)
        alone.sandbox.script = Script([Rule("command", Answer("BAD", "what?"), "LIST")])
        async with running(alone.settings()) as account, account.watch() as watcher:
            assert len(await watcher.states(names)) == 20
            assert len(alone.sandbox.commands("STATUS")) == 20

    async def test_modseq_where_there_is_one(self, bed: Bed, watcher: Watcher) -> None:
        first = await watcher.examine(INBOX)
        [uid] = await bed.deliver(LETTER)
        second = await watcher.examine(INBOX)
        if bed.kind == "pymap":
            assert (first.modseq, second.modseq) == (0, 0)
        else:
            assert 0 < first.modseq < second.modseq
            assert (await watcher.status(INBOX)).modseq == second.modseq
        assert uid

    async def test_a_mailbox_that_is_not_there(self, watcher: Watcher) -> None:
        with pytest.raises(MailboxMissing, match="account mail: the server would not open Nowhere"):
            await watcher.examine(MailboxName("Nowhere"))
        with pytest.raises(MailboxMissing, match="account mail: the server would not tell of Nowhere"):
            await watcher.status(MailboxName("Nowhere"))
        assert (await watcher.examine(INBOX)).exists == 0

    async def test_examining_changes_nothing(self, bed: Bed, watcher: Watcher) -> None:
        [uid] = await bed.deliver(LETTER)
        await watcher.examine(INBOX)
        await listing(watcher)
        assert await bed.flags() == {uid: frozenset()}


class TestListings:
    async def test_rows(self, bed: Bed, watcher: Watcher) -> None:
        texts = numbered(5)
        uids = await bed.deliver(*texts, date=DATE, flags=("\\Seen",))
        await bed.expunge(uids[2])
        await watcher.examine(INBOX)
        rows = list(itertools.chain(*await listing(watcher)))
        kept = [(uid, len(text)) for uid, text in zip(uids, texts, strict=True) if uid != uids[2]]
        assert [(row.uid, row.size) for row in rows] == kept
        assert {row.date for row in rows} == {UNIX}
        assert {row.identity.partition(":")[0] for row in rows} == ({""} if bed.kind == "dovecot" else {"emailid"})
        assert list(await watcher.all_uids()) == [uid for uid, _ in kept]

    async def test_many_come_in_batches_and_in_order(self, bed: Bed, watcher: Watcher) -> None:
        if bed.kind == "sandbox":
            uids = [bed.sandbox.deliver("anna", text) for text in numbered(2 * BATCH + 200)]
        else:  # fewer, because APPEND takes its time
            uids = await bed.deliver(*numbered(200))
        await watcher.examine(INBOX)
        batches = await listing(watcher)
        assert [row.uid for batch in batches for row in batch] == uids
        assert len(batches) >= len(uids) // BATCH
        assert all(0 < len(batch) <= 2 * BATCH for batch in batches)
        assert [row.uid for batch in await listing(watcher, first=uids[-7]) for row in batch] == uids[-7:]
        assert list(await watcher.all_uids()) == uids
        found: list[int] = []

        async def slow(batch: list[ListedMessage]) -> None:
            for _ in range(100):
                await trio.lowlevel.checkpoint()
            found.extend(row.uid for row in batch)

        await watcher.list_messages(Uid(1), slow)
        assert found == uids

    async def test_from_behind_the_last(self, bed: Bed, watcher: Watcher) -> None:
        """`n:*` also gives the last message when it lies before n (RFC 3501 §6.4.8)."""
        uids = await bed.deliver(LETTER, LETTER)
        state = await watcher.examine(INBOX)
        assert await listing(watcher, first=state.uidnext) == []
        [[row]] = await listing(watcher, first=uids[-1])
        assert row.uid == uids[-1]

    async def test_an_empty_mailbox(self, bed: Bed, watcher: Watcher) -> None:
        await watcher.examine(INBOX)
        assert await listing(watcher) == []
        assert list(await watcher.all_uids()) == []
        [uid] = await bed.deliver(LETTER)
        await bed.expunge(uid)
        state = await watcher.examine(INBOX)
        assert (state.exists, state.uidnext) == (0, uid + 1)
        assert await listing(watcher) == []
        assert list(await watcher.all_uids()) == []

    async def test_a_sink_that_fails_leaves_the_watcher_usable(self, bed: Bed, watcher: Watcher) -> None:
        await bed.deliver(*numbered(20))
        await watcher.examine(INBOX)

        async def full(batch: list[ListedMessage]) -> None:
            await trio.lowlevel.checkpoint()
            raise OSError("disk full")

        with pytest.raises(OSError, match="disk full"):
            await watcher.list_messages(Uid(1), full)
        assert len(await watcher.all_uids()) == 20

    async def test_renumbered_since_it_was_examined(self, bed: Bed) -> None:
        await bed.create("Box")
        await bed.deliver(LETTER, mailbox="Box")
        async with running(bed.settings(max_connections=1)) as account, account.watch() as watcher:
            before = await watcher.examine(BOX)
            # The one connection serves others meanwhile, and then opens the mailbox again.
            place = await bed.location(1)
            await account.measure(place.key, place.uidvalidity, {Uid(1): 100}, lambda uid, octets: None)
            await bed.create_anew("Box")
            await bed.deliver(LETTER, LETTER, mailbox="Box")
            with pytest.raises(MailboxChanged, match="account mail: Box was numbered anew"):
                await listing(watcher)
            with pytest.raises(MailboxChanged):
                await watcher.all_uids()
            after = await watcher.examine(BOX)
            assert after.uidvalidity != before.uidvalidity
            assert len(list(itertools.chain(*await listing(watcher)))) == 2


class TestWithout:
    """Servers that can less."""

    @pytest.mark.parametrize(
        "capabilities",
        [frozenset({"IMAP4REV1"}), ALL_CAPABILITIES - {"ESEARCH"}, ALL_CAPABILITIES - {"CONDSTORE", "OBJECTID"}],
        ids=["bare", "no ESEARCH", "no CONDSTORE"],
    )
    async def test_listing(self, alone: Bed, capabilities: frozenset[str]) -> None:
        alone.sandbox.capabilities = set(capabilities)
        uids = [alone.sandbox.deliver("anna", text) for text in numbered(30)]
        alone.sandbox.mailbox("anna").expunge(3, 4, 9)
        left = [uid for uid in uids if uid not in (3, 4, 9)]
        async with running(alone.settings()) as account, account.watch() as watcher:
            state = await watcher.examine(INBOX)
            assert (state.exists, state.uidnext, bool(state.modseq)) == (27, 31, "CONDSTORE" in capabilities)
            assert [row.uid for batch in await listing(watcher) for row in batch] == left
            assert list(await watcher.all_uids()) == left

    async def test_x_gm_msgid_is_an_identity(self, alone: Bed) -> None:
        alone.sandbox.capabilities -= {"OBJECTID"}
        alone.sandbox.capabilities |= {"X-GM-EXT-1"}
        alone.sandbox.deliver("anna", LETTER)
        async with running(alone.settings()) as account, account.watch() as watcher:
            await watcher.examine(INBOX)
            [[row]] = await listing(watcher)
        assert row.identity.startswith("gmail:")
        assert row.identity.removeprefix("gmail:").isdigit()

    async def test_uidnext_need_not_be_told(self, alone: Bed) -> None:
        alone.sandbox.deliver("anna", LETTER)
        says = Say(b"* 1 EXISTS\r\n* OK [UIDVALIDITY 5] ok\r\n")
        open_it = [
            Rule("command", (says, Answer("OK")), "EXAMINE"),
            Rule("command", (SEARCHED, Answer("OK")), "UID SEARCH"),
        ]
        alone.sandbox.script = Script(open_it)
        async with running(alone.settings()) as account, account.watch() as watcher:
            assert await watcher.examine(INBOX) == MailboxState(UidValidity(5), Uid(42), 1)

    async def test_uidvalidity_must_be_told(self, alone: Bed) -> None:
        says = Say(b"* 1 EXISTS\r\n* OK [UIDNEXT 5] ok\r\n")
        alone.sandbox.script = Script([Rule("command", (says, Answer("OK")), "EXAMINE")])
        async with running(alone.settings()) as account, account.watch() as watcher:
            with pytest.raises(UpstreamRefused, match="account mail: the server gives no UIDVALIDITY for INBOX"):
                await watcher.examine(INBOX)
            assert (await watcher.examine(INBOX)).exists == 0


SEARCHED = Say(b"* SEARCH 41\r\n")


class TestFaults:
    @pytest.mark.parametrize(
        ("faults", "failure", "words"),
        [
            (Answer("NO", "try later", "UNAVAILABLE"), UpstreamUnavailable, r'"try later"\); it is tried again later'),
            (Answer("NO", "never"), UpstreamRefused, 'would not list its messages \\("never"\\)'),
            (
                Answer("BAD", "User is authenticated but not connected."),
                UpstreamUnavailable,
                "new connection is needed",
            ),
            ((Say(b"* 1 FETCH (UID 1 RFC822"), Close()), UpstreamUnavailable, "closed the connection"),
            (Bye("maintenance"), UpstreamUnavailable, '"maintenance"'),
            ((Say(b"* 1 FETCH )\r\n"), Answer("OK")), UpstreamBroken, "account mail: "),
            (Say(b"A99 OK what\r\n"), UpstreamBroken, "never sent"),
        ],
    )
    async def test_a_listing_that_does_not_end_well_is_none(
        self, alone: Bed, faults: Fault | tuple[Fault, ...], failure: type[UpstreamError], words: str
    ) -> None:
        alone.sandbox.deliver("anna", LETTER)
        alone.sandbox.script = Script([Rule("tagged", faults, "UID FETCH")])
        async with running(alone.settings()) as account:
            async with account.watch() as watcher:
                await watcher.examine(INBOX)
                with pytest.raises(failure, match=words):
                    await listing(watcher)
            async with account.watch() as watcher:
                await watcher.examine(INBOX)
                assert len(await listing(watcher)) == 1

    async def test_rows_out_of_order_and_twice_come_once_and_in_order(self, alone: Bed) -> None:
        for _ in range(4):
            alone.sandbox.deliver("anna", LETTER)
        row = '* {} FETCH (UID {} RFC822.SIZE 9 INTERNALDATE "02-Jan-2024 03:04:05 +0100")\r\n'
        says = Say("".join(row.format(n, n) for n in (2, 1, 2, 4, 3, 1)).encode())
        alone.sandbox.script = Script([Rule("command", (says, Answer("OK")), "UID FETCH")])
        async with running(alone.settings()) as account, account.watch() as watcher:
            await watcher.examine(INBOX)
            found = [row.uid for batch in await listing(watcher) for row in batch]
        assert sorted(found) == [1, 2, 3, 4]

    async def test_a_search_whose_count_does_not_add_up_is_no_answer(self, alone: Bed) -> None:
        alone.sandbox.deliver("anna", LETTER)
        says = Say(b'* ESEARCH (TAG "{tag}") UID COUNT 3 ALL 1:2\r\n')
        alone.sandbox.script = Script([Rule("command", (says, Answer("OK")), "UID SEARCH")])
        async with running(alone.settings()) as account, account.watch() as watcher:
            await watcher.examine(INBOX)
            with pytest.raises(UpstreamBroken, match="account mail: the server's search does not add up"):
                await watcher.all_uids()

    async def test_a_search_that_is_not_answered_is_no_answer(self, alone: Bed) -> None:
        """Nothing said is not nothing there: that would make every message vanish."""
        alone.sandbox.deliver("anna", LETTER)
        alone.sandbox.script = Script([Rule("command", Answer("OK"), "UID SEARCH")])
        async with running(alone.settings()) as account, account.watch() as watcher:
            await watcher.examine(INBOX)
            with pytest.raises(UpstreamBroken, match="account mail: the server did not answer a search"):
                await watcher.all_uids()

    async def test_of_an_empty_mailbox_nothing_need_be_said(self, alone: Bed) -> None:
        alone.sandbox.script = Script([Rule("command", Answer("OK"), "UID SEARCH")])
        async with running(alone.settings()) as account, account.watch() as watcher:
            await watcher.examine(INBOX)
            assert list(await watcher.all_uids()) == []

    @pytest.mark.parametrize("command", ["EXAMINE", "STATUS", "LIST", "UID SEARCH", "UID FETCH"])
    @pytest.mark.parametrize("faults", [Hang(), Chatter(every=2), Chatter(b"* 1 EXISTS\r\n", every=1)])
    async def test_every_look_has_a_deadline(
        self, autojump_clock: MockClock, alone: Bed, command: str, faults: Fault
    ) -> None:
        alone.sandbox.deliver("anna", LETTER)
        async with running(alone.settings(), timeout=20) as account, account.watch() as watcher:
            if command not in {"EXAMINE", "LIST"}:
                await watcher.examine(INBOX)
            alone.sandbox.script = Script([Rule("command", faults, command)])
            began = trio.current_time()
            looks: dict[str, Callable[[], Awaitable[object]]] = {
                "EXAMINE": lambda: watcher.examine(INBOX),
                "STATUS": lambda: watcher.status(BOX),
                "LIST": lambda: watcher.resolve("Box"),
                "UID SEARCH": watcher.all_uids,
                "UID FETCH": lambda: listing(watcher),
            }
            with pytest.raises(UpstreamUnavailable, match="account mail: the server took longer than 20 s"):
                await looks[command]()
            assert trio.current_time() - began == pytest.approx(20, abs=1)

    async def test_rows_are_progress(self, autojump_clock: MockClock, alone: Bed) -> None:
        """A listing of many messages may take its time, if it goes on."""
        for text in numbered(40):
            alone.sandbox.deliver("anna", text)
        alone.sandbox.script = Script([Rule("command", Drip(30, every=1), "UID FETCH")])
        async with running(alone.settings(), timeout=20) as account, account.watch() as watcher:
            await watcher.examine(INBOX)
            began = trio.current_time()
            assert sum(map(len, await listing(watcher))) == 40
            assert trio.current_time() - began > 100

    async def test_a_mailbox_renumbered_before_the_command_is_examined_as_it_is(self, alone: Bed) -> None:
        alone.sandbox.deliver("anna", LETTER)
        change = Do(lambda: alone.sandbox.mailbox("anna").change_uidvalidity(99))
        alone.sandbox.script = Script([Rule("command", change, "EXAMINE")])
        async with running(alone.settings()) as account, account.watch() as watcher:
            assert (await watcher.examine(INBOX)).uidvalidity == 99
