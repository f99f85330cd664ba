"""The watcher's waiting: what others do to the mailbox is heard, and nothing waits for ever."""

from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from bridge.model.failures import MailboxMissing, UpstreamUnavailable
from bridge.model.names import MailboxName
from bridge.sandbox import Rule, Script
from bridge.sandbox.faults import Answer, Bye, Chatter, Close, Do, Fault, Hang, Reset, Say
from bridge.upstream import Account, Watcher
from bridge.upstream.idling import RENEW_SECONDS
from tests.upstream.beds import INBOX, LETTER, SECONDS, Bed, place_of, read, running, store_flags

BOX = MailboxName("Box")


@pytest.fixture
async def watcher(account: Account) -> AsyncIterator[Watcher]:
    async with account.watch() as made:
        yield made


class TestEachServer:
    async def test_a_delivery_is_heard(self, bed: Bed, watcher: Watcher) -> None:
        await watcher.examine(INBOX)
        assert watcher.pushes
        heard: list[bool] = []

        async def wait() -> None:
            heard.append(await watcher.wait(SECONDS))

        with trio.fail_after(SECONDS):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(wait)
                await bed.deliver(LETTER)
        assert heard == [True]
        assert (await watcher.examine(INBOX)).exists == 1

    async def test_an_expunge_is_heard(self, bed: Bed, watcher: Watcher) -> None:
        uids = await bed.deliver(LETTER, LETTER, LETTER)
        await watcher.examine(INBOX)
        heard: list[bool] = []

        async def wait() -> None:
            heard.append(await watcher.wait(SECONDS))

        with trio.fail_after(SECONDS):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(wait)
                # pymap tells of an expunge no sooner than of the next change.
                await bed.expunge(*(uids[:2] if bed.kind == "pymap" else uids[:1]))
        assert heard == [True]
        assert (await watcher.examine(INBOX)).exists in (1, 2)

    async def test_what_happened_before_the_wait_is_heard(self, bed: Bed, watcher: Watcher) -> None:
        await watcher.examine(INBOX)
        await bed.deliver(LETTER)
        with trio.fail_after(SECONDS):
            assert await watcher.wait(SECONDS)

    async def test_false_after_the_time(self, watcher: Watcher) -> None:
        await watcher.examine(INBOX)
        began = trio.current_time()
        assert not await watcher.wait(0.3)
        assert 0.3 <= trio.current_time() - began < SECONDS
        assert not await watcher.wait(0)

    async def test_flags_are_no_change(self, bed: Bed, watcher: Watcher) -> None:
        [uid] = await bed.deliver(LETTER)
        await watcher.examine(INBOX)
        await bed.ask(lambda imap: store_flags(imap, "INBOX", uid, "\\Flagged"))
        assert not await watcher.wait(0.3)

    async def test_waiting_again_after_a_look(self, bed: Bed, watcher: Watcher) -> None:
        for count in (1, 2, 3):
            await watcher.examine(INBOX)
            await bed.deliver(LETTER)
            assert await watcher.wait(SECONDS)
            assert (await watcher.examine(INBOX)).exists == count
        assert not await watcher.wait(0.1)

    async def test_cancelled_it_can_wait_again(self, bed: Bed, watcher: Watcher) -> None:
        await watcher.examine(INBOX)
        with trio.move_on_after(0.1):
            await watcher.wait(SECONDS)
        await bed.deliver(LETTER)
        assert await watcher.wait(SECONDS)
        assert (await watcher.examine(INBOX)).exists == 1

    async def test_another_mailbox_is_looked_at_meanwhile(self, bed: Bed, watcher: Watcher) -> None:
        await bed.create("Box")
        await watcher.examine(INBOX)
        assert not await watcher.wait(0.1)
        await bed.deliver(LETTER, mailbox="Box")
        assert (await watcher.status(BOX)).exists == 1
        assert not await watcher.wait(0.1)

    async def test_the_only_connection_serves_devices_while_it_waits(self, bed: Bed) -> None:
        [uid] = await bed.deliver(LETTER)
        await bed.create("Box")
        [boxed] = await bed.deliver(LETTER, mailbox="Box")
        places = [await bed.location(uid), await bed.location(boxed, "Box")]
        async with running(bed.settings(max_connections=1)) as account, account.watch() as watcher:
            await watcher.examine(INBOX)
            heard: list[bool] = []

            async def wait() -> None:
                heard.append(await watcher.wait(SECONDS))

            with trio.fail_after(SECONDS):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(wait)
                    for place in places * 3:
                        assert await read(account, place) == LETTER
                    assert heard == []
                    await bed.deliver(LETTER)
            assert heard == [True]
            assert account.health.connections == 1


class TestIdle:
    async def test_it_is_renewed(self, autojump_clock: MockClock, alone: Bed) -> None:
        async with running(alone.settings()) as account, account.watch() as watcher:
            await watcher.examine(INBOX)
            assert not await watcher.wait(5 * RENEW_SECONDS - 1)
        assert len(alone.sandbox.commands("IDLE")) == 5
        assert len(alone.sandbox.commands("NOOP")) == 1

    async def test_a_change_is_heard_at_once(self, autojump_clock: MockClock, alone: Bed) -> None:
        async with running(alone.settings()) as account, account.watch() as watcher:
            await watcher.examine(INBOX)
            began = trio.current_time()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(watcher.wait, 1000)
                await trio.sleep(50)
                alone.sandbox.deliver("anna", LETTER)
            assert trio.current_time() - began == 50

    async def test_what_is_told_together_with_the_continuation_is_heard(
        self, autojump_clock: MockClock, alone: Bed
    ) -> None:
        deliver = Do(lambda: alone.sandbox.deliver("anna", LETTER))
        alone.sandbox.script = Script([Rule("command", deliver, "IDLE")])
        async with running(alone.settings()) as account, account.watch() as watcher:
            await watcher.examine(INBOX)
            began = trio.current_time()
            assert await watcher.wait(1000)
            assert trio.current_time() == began

    async def test_without_it_the_server_is_asked(self, autojump_clock: MockClock, alone: Bed) -> None:
        alone.sandbox.capabilities -= {"IDLE"}
        async with running(alone.settings(poll_interval=30)) as account, account.watch() as watcher:
            await watcher.examine(INBOX)
            assert not watcher.pushes
            began = trio.current_time()
            assert not await watcher.wait(100)
            assert trio.current_time() - began == 100
            assert len(alone.sandbox.commands("NOOP")) == 3
            alone.sandbox.deliver("anna", LETTER)
            assert await watcher.wait(100)
            assert trio.current_time() - began == 120

    @pytest.mark.parametrize("kind", ["NO", "BAD"])
    async def test_refused_although_offered(self, autojump_clock: MockClock, alone: Bed, kind: str) -> None:
        refusal = Answer("NO" if kind == "NO" else "BAD", "not today")
        alone.sandbox.script = Script([Rule("command", refusal, "IDLE", times=None)])
        async with running(alone.settings(poll_interval=30)) as account, account.watch() as watcher:
            await watcher.examine(INBOX)
            assert not await watcher.wait(100)
            assert not watcher.pushes
        assert len(alone.sandbox.commands("IDLE")) == 1
        assert len(alone.sandbox.commands("NOOP")) == 1 + 3

    @pytest.mark.parametrize("ending", [Close(), Reset(), Bye("autologout")])
    async def test_a_server_that_leaves_is_noticed(self, autojump_clock: MockClock, alone: Bed, ending: Fault) -> None:
        async with running(alone.settings()) as account:
            async with account.watch() as watcher:
                await watcher.examine(INBOX)
                alone.sandbox.script = Script([Rule("tagged", ending, "IDLE")])
                began = trio.current_time()
                with pytest.raises(UpstreamUnavailable, match="account mail: "):
                    await watcher.wait(1000)
                assert trio.current_time() - began <= RENEW_SECONDS + 1
                with pytest.raises(UpstreamUnavailable, match="account mail: "):
                    await watcher.wait(1000)
            async with account.watch() as watcher:
                assert (await watcher.examine(INBOX)).exists == 0

    async def test_a_drop_in_idle_is_noticed_at_once(self, autojump_clock: MockClock, alone: Bed) -> None:
        async with running(alone.settings()) as account, account.watch() as watcher:
            await watcher.examine(INBOX)
            began = trio.current_time()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.drop, alone)
                with pytest.raises(UpstreamUnavailable):
                    await watcher.wait(1000)
            assert trio.current_time() - began == 10

    async def drop(self, bed: Bed) -> None:
        await trio.sleep(10)
        bed.sandbox.drop_connections()

    @pytest.mark.parametrize("faults", [Hang(), Chatter(every=1), Chatter(b"* OK still here\r\n", every=25)])
    @pytest.mark.parametrize("point", ["command", "tagged"])
    async def test_a_server_that_is_stuck_is_left(
        self, autojump_clock: MockClock, alone: Bed, point: str, faults: Fault
    ) -> None:
        """Whether it never says `+`, or never ends the IDLE that is renewed."""
        alone.sandbox.script = Script([Rule("command" if point == "command" else "tagged", faults, "IDLE")])
        async with running(alone.settings(), timeout=20) as account, account.watch() as watcher:
            await watcher.examine(INBOX)
            began = trio.current_time()
            with pytest.raises(UpstreamUnavailable, match="longer than 20 s"):
                await watcher.wait(1000)
            limit = 20 if point == "command" else RENEW_SECONDS + 20
            assert trio.current_time() - began == pytest.approx(limit, abs=1)

    async def test_bytes_are_heard(self, autojump_clock: MockClock, alone: Bed) -> None:
        alone.sandbox.script = Script([Rule("command", Say(b"* OK hello\r\n"), "IDLE", times=None)])
        async with running(alone.settings()) as account, account.watch() as watcher:
            await watcher.examine(INBOX)
            for _ in range(3):
                await watcher.wait(RENEW_SECONDS)
                assert watcher.last_heard == pytest.approx(trio.current_time(), abs=1)

    async def test_a_device_does_not_wait_for_idle(self, autojump_clock: MockClock, alone: Bed) -> None:
        uid = alone.sandbox.deliver("anna", LETTER)
        async with running(alone.settings(max_connections=1)) as account, account.watch() as watcher:
            await watcher.examine(INBOX)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(watcher.wait, 1000)
                await trio.sleep(50)
                began = trio.current_time()
                assert await read(account, place_of(alone, uid)) == LETTER
                assert trio.current_time() == began
                nursery.cancel_scope.cancel()


class TestOneWatcher:
    async def test_leaving_gives_the_connection_back(self, alone: Bed) -> None:
        for _ in range(3):
            async with running(alone.settings()) as account:
                for _ in range(3):
                    async with account.watch() as watcher:
                        await watcher.examine(INBOX)
                assert account.health.connections == 1

    async def test_a_mailbox_deleted_while_watched_is_missing_at_the_next_look(self, bed: Bed) -> None:
        await bed.create("Box")
        async with running(bed.settings()) as account:
            async with account.watch() as watcher:
                await watcher.examine(BOX)
                await bed.ask(lambda imap: imap.delete("Box"))
                try:
                    await watcher.wait(0.2)
                    with pytest.raises(MailboxMissing):
                        await watcher.examine(BOX)
                except UpstreamUnavailable:
                    pass  # a server may close the connection instead
            async with account.watch() as watcher:
                with pytest.raises(MailboxMissing):
                    await watcher.examine(BOX)

    async def test_idle_connections_are_closed_in_time(self, autojump_clock: MockClock, alone: Bed) -> None:
        uid = alone.sandbox.deliver("anna", LETTER)
        async with running(alone.settings()) as account:
            await read(account, place_of(alone, uid))
            assert account.health.connections == 1
            await trio.sleep(70)
            await wait_all_tasks_blocked()
            assert account.health.connections == 0
            assert account.health.state == "online"
        assert [moment.command for moment in alone.sandbox.commands()][-1] == "LOGOUT"
