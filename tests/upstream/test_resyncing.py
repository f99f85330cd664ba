"""What happened to a mailbox since it was looked at, told with its opening: one round trip where the server can."""

from collections.abc import AsyncIterator, Callable

import pytest
import trio
from trio.testing import MockClock

from bridge.model.failures import MailboxMissing, UpstreamBroken, UpstreamUnavailable
from bridge.model.names import MailboxName, ModSeq, Uid, UidValidity
from bridge.model.places import MailboxState, Resynced, Since
from bridge.sandbox import Rule, SandboxServer, Script
from bridge.sandbox.faults import Answer, Close, Drip, Fault, Hang, Say
from bridge.upstream import Account, Watcher
from tests.upstream.beds import INBOX, LETTER, SECONDS, Bed, running, store_flags

BOX = MailboxName("Box")
NO_MODSEQ = Say(b"* OK [NOMODSEQ] it counts no changes here\r\n")


def told(resynced: Resynced, upto: int) -> tuple[list[int], list[int]]:
    """Give the UIDs that went, of those up to `upto`, and those whose lines came."""
    assert resynced.told
    return [uid for uid in range(1, upto + 1) if uid in resynced.vanished], [row.uid for row in resynced.rows]


async def asked(watcher: Watcher, known: MailboxState, first: int, mailbox: MailboxName = INBOX) -> Resynced:
    return await watcher.resync(mailbox, Since(known, Uid(first)))


class TestEachServer:
    """pymap has no QRESYNC: there a mailbox is only opened."""

    @pytest.fixture
    async def watcher(self, account: Account) -> AsyncIterator[Watcher]:
        async with account.watch() as made:
            yield made

    async def test_nothing_happened(self, bed: Bed, watcher: Watcher) -> None:
        await bed.deliver(*[LETTER] * 30)
        state = await watcher.examine(INBOX)
        found = await asked(watcher, state, 28)
        assert found.state == state
        assert found.told == (bed.kind != "pymap")
        if found.told:
            assert told(found, 30) == ([], [28, 29, 30])
        assert list(await watcher.all_uids()) == list(range(state.uidnext - 30, state.uidnext))

    async def test_what_came_went_and_was_read_while_nobody_looked(self, bed: Bed) -> None:
        uids = await bed.deliver(*[LETTER] * 30)
        async with running(bed.settings()) as account, account.watch() as watcher:
            state = await watcher.examine(INBOX)
        await bed.expunge(*uids[4:8], uids[28])
        await bed.ask(lambda imap: store_flags(imap, "INBOX", uids[1], "\\Flagged"))
        new = await bed.deliver(LETTER, LETTER)
        async with running(bed.settings()) as account, account.watch() as watcher:
            found = await asked(watcher, state, uids[25])
            assert (found.state.exists, found.state.uidnext) == (27, new[-1] + 1)
            assert found.told == (bed.kind != "pymap")
            if found.told:
                gone, rows = told(found, new[-1])
                assert gone == [*uids[4:8], uids[28]]
                assert rows == [uids[1], *uids[25:28], uids[29], *new]
                assert {row.size for row in found.rows} == {len(LETTER)}
            assert not await watcher.wait(0.1)

    async def test_numbered_anew(self, bed: Bed, account: Account) -> None:
        await bed.create("Box")
        await bed.deliver(LETTER, LETTER, mailbox="Box")
        async with account.watch() as watcher:
            state = await watcher.examine(BOX)
            await watcher.examine(INBOX)
            await bed.create_anew("Box")
            await bed.deliver(LETTER, mailbox="Box")
            found = await asked(watcher, state, 1, BOX)
            assert not found.told
            assert found.state == await watcher.examine(BOX)
            assert found.state.uidvalidity != state.uidvalidity

    async def test_a_mailbox_that_is_not_there(self, watcher: Watcher) -> None:
        known = MailboxState(UidValidity(1), Uid(9), 8, ModSeq(5))
        with pytest.raises(MailboxMissing, match="account mail: the server would not open Nowhere"):
            await asked(watcher, known, 3, MailboxName("Nowhere"))
        assert (await watcher.examine(INBOX)).exists == 0

    async def test_it_can_wait_afterwards(self, bed: Bed, watcher: Watcher) -> None:
        await bed.deliver(LETTER)
        state = await watcher.examine(INBOX)
        await asked(watcher, state, 1)
        await bed.deliver(LETTER)
        assert await watcher.wait(10)
        assert watcher.changed
        assert (await asked(watcher, state, 1)).state.exists == 2

    async def test_what_happens_in_the_open_mailbox_comes_at_once(self, bed: Bed, watcher: Watcher) -> None:
        uids = await bed.deliver(*[LETTER] * 30)
        since = Since(await watcher.examine(INBOX), uids[10])
        await bed.expunge(*uids[2:4], *([uids[4]] if bed.kind == "pymap" else []))
        [new] = await bed.deliver(LETTER)
        with trio.fail_after(SECONDS):
            while not watcher.changed or (watcher.resynced and watcher.resynced.state.uidnext <= new):
                assert await watcher.wait(SECONDS, {INBOX: since})
        if bed.kind == "pymap":
            assert watcher.resynced is None
            return
        assert watcher.resynced is not None
        gone, rows = told(watcher.resynced, new)
        assert (gone, rows) == (uids[2:4], [*uids[10:], new])
        assert set(watcher.resynced.headers) <= {uids[-1], new}
        assert b"<letter@example.org>" in watcher.resynced.headers[new]
        watcher.take_news()
        assert not await watcher.wait(0.1)


class TestSandbox:
    @pytest.fixture
    async def state(self, alone: Bed, lone_account: Account) -> MailboxState:
        for _ in range(30):
            alone.sandbox.deliver("anna", LETTER)
        async with lone_account.watch() as watcher:
            return await watcher.examine(INBOX)

    async def test_it_is_one_round_trip(self, alone: Bed, lone_account: Account, state: MailboxState) -> None:
        before = len(alone.sandbox.commands())
        async with lone_account.watch() as watcher:
            assert (await asked(watcher, state, 28)).told
        said = [moment.arguments for moment in alone.sandbox.commands()[before:]]
        assert said == [
            f"INBOX (QRESYNC ({state.uidvalidity} {state.modseq} 1:30))",
            f"1:27 (UID RFC822.SIZE INTERNALDATE EMAILID) (CHANGEDSINCE {state.modseq})",
            "28:* (UID RFC822.SIZE INTERNALDATE EMAILID)",
        ]

    @pytest.mark.parametrize("lack", ["QRESYNC", "ENABLE", "CONDSTORE"])
    async def test_without_it_the_mailbox_is_opened(self, alone: Bed, state: MailboxState, lack: str) -> None:
        alone.sandbox.capabilities -= {lack, "QRESYNC"} if lack == "CONDSTORE" else {lack}
        async with running(alone.settings()) as account, account.watch() as watcher:
            found = await asked(watcher, state, 28)
        assert (found.told, found.state.exists) == (False, 30)

    async def test_an_index_without_a_mod_sequence_asks_for_none(
        self, lone_account: Account, state: MailboxState
    ) -> None:
        async with lone_account.watch() as watcher:
            known = MailboxState(state.uidvalidity, state.uidnext, 30)
            assert await asked(watcher, known, 28) == Resynced(state)

    @pytest.mark.parametrize("refusal", [Answer("BAD", "what?"), Answer("NO", "no")])
    async def test_refused_although_offered(
        self, alone: Bed, lone_account: Account, state: MailboxState, refusal: Fault
    ) -> None:
        alone.sandbox.script = Script([Rule("command", refusal, "EXAMINE", arguments="QRESYNC", times=None)])
        async with lone_account.watch() as watcher:
            for _ in range(3):
                assert await asked(watcher, state, 28) == Resynced(state)
            assert [moment.arguments for moment in alone.sandbox.commands("EXAMINE")].count("INBOX (CONDSTORE)") == 4
            assert list(await watcher.all_uids()) == list(range(1, 31))

    @pytest.mark.parametrize(
        "change",
        [
            lambda server: setattr(server.mailbox("anna"), "highestmodseq", 5),
            lambda server: setattr(server.mailbox("anna"), "uidnext", 20),
            lambda server: setattr(server, "script", Script([Rule("tagged", NO_MODSEQ, "EXAMINE")])),
        ],
        ids=["mod-sequence", "next UID", "none any more"],
    )
    async def test_numbers_that_went_back_are_not_believed(
        self, alone: Bed, lone_account: Account, state: MailboxState, change: Callable[[SandboxServer], object]
    ) -> None:
        async with lone_account.watch() as watcher:
            change(alone.sandbox)
            assert not (await asked(watcher, state, 28)).told

    @pytest.mark.parametrize("faults", [Answer("NO", "not now"), Answer("BAD", "what?")])
    async def test_lines_that_are_refused_leave_it_untold(
        self, alone: Bed, lone_account: Account, state: MailboxState, faults: Fault
    ) -> None:
        alone.sandbox.script = Script([Rule("command", faults, "UID FETCH")])
        async with lone_account.watch() as watcher:
            assert not (await asked(watcher, state, 28)).told

    async def test_a_set_as_wide_as_there_is_takes_no_time(
        self, alone: Bed, lone_account: Account, state: MailboxState
    ) -> None:
        wide = Say(b"* VANISHED (EARLIER) 31:4294967295\r\n" * 50)
        alone.sandbox.script = Script([Rule("tagged", wide, "EXAMINE")])
        async with lone_account.watch() as watcher:
            assert told(await asked(watcher, state, 28), 30) == ([], [28, 29, 30])

    @pytest.mark.parametrize(
        ("command", "faults", "failure"),
        [
            ("EXAMINE", Hang(), UpstreamUnavailable),
            ("UID FETCH", Hang(), UpstreamUnavailable),
            ("EXAMINE", Close(), UpstreamUnavailable),
            ("UID FETCH", Close(), UpstreamUnavailable),
            ("EXAMINE", Say(b"* VANISHED (EARLIER) all\r\n"), UpstreamBroken),
        ],
    )
    async def test_it_ends_in_time(
        self, autojump_clock: MockClock, alone: Bed, command: str, faults: Fault, failure: type[Exception]
    ) -> None:
        for _ in range(30):
            alone.sandbox.deliver("anna", LETTER)
        async with running(alone.settings(), timeout=20) as account, account.watch() as watcher:
            state = await watcher.examine(INBOX)
            alone.sandbox.script = Script([Rule("command", faults, command)])
            with pytest.raises(failure, match="account mail: "):
                await asked(watcher, state, 28)

    async def test_what_is_told_is_progress(self, autojump_clock: MockClock, alone: Bed) -> None:
        """Many flags take their time over a slow line."""
        for _ in range(60):
            alone.sandbox.deliver("anna", LETTER)
        async with running(alone.settings(), timeout=20) as account, account.watch() as watcher:
            state = await watcher.examine(INBOX)
            for uid in range(1, 61):
                alone.sandbox.mailbox("anna").set_flags(uid, ["\\Seen"])
            alone.sandbox.script = Script([Rule("command", Drip(20, every=1), "EXAMINE")])
            gone, rows = told(await asked(watcher, state, 41), 60)
        assert (gone, rows) == ([], list(range(1, 61)))
