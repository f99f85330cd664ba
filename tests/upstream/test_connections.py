"""An account's connections: how many there are, who gets which, and what becomes of them when somebody gives up."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from bridge.model.failures import UpstreamError, UpstreamLoginFailed, UpstreamUnavailable
from bridge.sandbox import Rule, Script
from bridge.sandbox.faults import Answer, Close, Drip, Hang
from bridge.upstream import Account
from bridge.upstream.pool import FEWER_SECONDS
from bridge.upstream.reader import DROPS
from tests.support.messages import large_message
from tests.upstream.beds import INBOX, LETTER, SECONDS, Bed, Connects, place_of, promise_of, read, running

BIG = large_message(1_000_000)


async def read_at_once(account: Account, bed: Bed, uids: list[int], size: int = len(LETTER)) -> list[bytes]:
    """Read several messages side by side."""
    found: dict[int, bytes] = {}

    async def one(uid: int) -> None:
        found[uid] = await read(account, place_of(bed, uid), size)

    with trio.fail_after(SECONDS):
        async with trio.open_nursery() as nursery:
            for uid in uids:
                nursery.start_soon(one, uid)
    return [found[uid] for uid in uids]


async def examine(account: Account) -> int:
    """Count the messages in INBOX over the watcher's connection."""
    async with account.watch() as watcher:
        return (await watcher.examine(INBOX)).exists


@pytest.mark.parametrize("most", [1, 2, 5])
async def test_there_are_never_more_than_allowed(alone: Bed, most: int) -> None:
    uids: list[int] = [alone.sandbox.deliver("anna", BIG) for _ in range(12)]
    connects = Connects()
    async with running(alone.settings(max_connections=most), connect=connects) as account, account.watch() as watcher:
        await watcher.examine(INBOX)
        assert await read_at_once(account, alone, uids, len(BIG)) == [BIG] * 12
        assert account.health.connections == alone.sandbox.connections == most
    assert connects.made == most


async def test_one_after_another_needs_one_connection(alone: Bed) -> None:
    uids: list[int] = [alone.sandbox.deliver("anna", LETTER) for _ in range(20)]
    connects = Connects()
    async with running(alone.settings(), connect=connects) as account:
        for uid in uids:
            await read(account, place_of(alone, uid))
    assert connects.made == 1


@pytest.mark.parametrize(("quirks", "seconds"), [(set[str](), 60), ({"keep-connections"}, 600)])
async def test_how_long_one_is_kept(autojump_clock: MockClock, alone: Bed, quirks: set[str], seconds: int) -> None:
    uid = alone.sandbox.deliver("anna", LETTER)
    async with running(alone.settings(quirks=frozenset(quirks))) as account:
        await read(account, place_of(alone, uid))
        await trio.sleep(seconds - 1)
        assert account.health.connections == 1
        await trio.sleep(2)
        assert account.health.connections == 0


async def test_a_server_that_allows_fewer_is_not_asked_again_and_again(autojump_clock: MockClock, alone: Bed) -> None:
    uids: list[int] = [alone.sandbox.deliver("anna", BIG) for _ in range(6)]
    alone.sandbox.max_connections = 1
    connects = Connects()
    async with running(alone.settings(max_connections=3), connect=connects) as account:
        for _ in range(3):
            assert await read_at_once(account, alone, uids, len(BIG)) == [BIG] * 6
        asked = connects.made
        assert asked <= 3
        await trio.sleep(FEWER_SECONDS)
        alone.sandbox.max_connections = 10
        assert await read_at_once(account, alone, uids, len(BIG)) == [BIG] * 6
        assert connects.made > asked


@pytest.mark.parametrize("most", [1, 2])
async def test_what_waits_for_a_server_that_is_away_fails_at_once(alone: Bed, most: int) -> None:
    uids: list[int] = [alone.sandbox.deliver("anna", LETTER) for _ in range(5)]
    alone.sandbox.script = Script([Rule("greeting", Close(), times=None)])
    connects = Connects()
    failures: list[UpstreamError] = []

    async def one(account: Account, uid: int) -> None:
        try:
            await read(account, place_of(alone, uid))
        except UpstreamUnavailable as failure:
            failures.append(failure)

    async with running(alone.settings(max_connections=most), connect=connects) as account:
        with trio.fail_after(SECONDS):
            async with trio.open_nursery() as nursery:
                for uid in uids:
                    nursery.start_soon(one, account, uid)
        assert len(failures) == 5
        assert account.health.state == "offline"
        assert connects.made <= (1 + DROPS) * most
        alone.sandbox.script = None
        assert await read(account, place_of(alone, uids[0])) == LETTER


async def test_a_password_that_changed_meanwhile_stops_everything(alone: Bed) -> None:
    uid = alone.sandbox.deliver("anna", LETTER)
    async with running(alone.settings()) as account:
        await read(account, place_of(alone, uid))
        alone.sandbox.users["anna"].password = "another"
        assert await read(account, place_of(alone, uid)) == LETTER
        alone.sandbox.drop_connections()
        with pytest.raises(UpstreamLoginFailed):
            await read(account, place_of(alone, uid))
        assert account.health.state == "needs sign-in"


async def test_readers_go_before_what_was_promised(autojump_clock: MockClock, alone: Bed) -> None:
    uids: list[int] = [alone.sandbox.deliver("anna", LETTER) for _ in range(6)]
    order: list[str] = []

    async def promise(account: Account, uid: int) -> None:
        await account.carry_out(promise_of(place_of(alone, uid), "seen", len(LETTER)))
        order.append("promise")

    async def fetch(account: Account, uid: int) -> None:
        await read(account, place_of(alone, uid))
        order.append("read")

    async with running(alone.settings(max_connections=1)) as account:
        async with trio.open_nursery() as nursery:
            for uid in uids[:3]:
                nursery.start_soon(promise, account, uid)
            await wait_all_tasks_blocked()
            order.clear()
        order.clear()
        alone.sandbox.script = Script([Rule("command", Drip(1000, every=1), "SELECT")])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(promise, account, uids[0])
            await trio.sleep(0.5)
            for uid in uids[1:3]:
                nursery.start_soon(promise, account, uid)
            for uid in uids[3:]:
                nursery.start_soon(fetch, account, uid)
    assert order == ["promise", *["read"] * 3, *["promise"] * 2]


class TestGivingUp:
    async def test_a_caller_that_gives_up_leaves_the_connection_of_use(
        self, autojump_clock: MockClock, alone: Bed
    ) -> None:
        """What is under way is little: it is read to its end."""
        uid = alone.sandbox.deliver("anna", LETTER)
        connects = Connects()
        async with running(alone.settings(), connect=connects) as account:
            await read(account, place_of(alone, uid))
            alone.sandbox.script = Script([Rule("command", Drip(50, every=1), "UID FETCH")])
            with trio.move_on_after(0.5) as scope:
                await read(account, place_of(alone, uid))
            assert scope.cancelled_caught
            await trio.sleep(20)
            assert await read(account, place_of(alone, uid)) == LETTER
        assert connects.made == 1

    async def test_a_long_answer_that_nobody_wants_closes_its_connection(
        self, autojump_clock: MockClock, alone: Bed
    ) -> None:
        big, small = alone.sandbox.deliver("anna", large_message(3_000_000)), alone.sandbox.deliver("anna", LETTER)
        alone.sandbox.script = Script([Rule("literal", Drip(50_000, every=1), "UID FETCH", skip=1)])
        connects = Connects()
        async with running(alone.settings(max_connections=1), connect=connects) as account:
            async with account.read(place_of(alone, big), 3_000_000) as content:
                for _ in range(4):
                    await content.receive()
            began = trio.current_time()
            assert await read(account, place_of(alone, small)) == LETTER
            assert trio.current_time() - began <= 5
        assert connects.made == 2

    async def test_a_server_that_is_stuck_does_not_hold_the_next_caller(
        self, autojump_clock: MockClock, alone: Bed
    ) -> None:
        uid = alone.sandbox.deliver("anna", LETTER)
        alone.sandbox.script = Script([Rule("command", Hang(), "UID FETCH")])
        async with running(alone.settings(max_connections=1), timeout=20) as account:
            with trio.move_on_after(1):
                await read(account, place_of(alone, uid))
            began = trio.current_time()
            assert await read(account, place_of(alone, uid)) == LETTER
            assert trio.current_time() - began <= 6

    async def test_nobody_waits_for_a_sign_in_that_hangs(self, autojump_clock: MockClock, alone: Bed) -> None:
        uid = alone.sandbox.deliver("anna", LETTER)
        alone.sandbox.script = Script([Rule("command", Hang(), "AUTHENTICATE")])
        async with running(alone.settings(), timeout=20) as account:
            with trio.move_on_after(1):
                await read(account, place_of(alone, uid))
            with trio.move_on_after(1):
                await examine(account)
            await trio.sleep(30)
            assert await read(account, place_of(alone, uid)) == LETTER
            assert await examine(account) == 1

    async def test_the_end_of_the_account_ends_what_waits(self, alone: Bed) -> None:
        uid = alone.sandbox.deliver("anna", LETTER)
        alone.sandbox.script = Script([Rule("command", Hang(), "UID FETCH", times=None)])
        failures: list[UpstreamError] = []

        async def one(account: Account) -> None:
            try:
                await read(account, place_of(alone, uid))
            except UpstreamUnavailable as failure:
                failures.append(failure)

        with trio.fail_after(SECONDS):
            async with trio.open_nursery() as nursery, running(alone.settings(max_connections=1)) as account:
                for _ in range(3):
                    nursery.start_soon(one, account)
                while not alone.sandbox.commands("UID FETCH"):
                    await trio.lowlevel.checkpoint()
        assert len(failures) == 3

    async def test_no_connection_is_left_open(self, alone: Bed) -> None:
        uid = alone.sandbox.deliver("anna", LETTER)
        async with running(alone.settings()) as account:
            await read_at_once(account, alone, [uid] * 3)
        with trio.fail_after(SECONDS):
            while alone.sandbox.connections:
                await trio.lowlevel.checkpoint()


class TestHalfDead:
    async def test_a_connection_that_says_so_is_replaced(self, alone: Bed) -> None:
        """Exchange Online answers BAD to everything once a mailbox's store has gone."""
        uid = alone.sandbox.deliver("anna", LETTER)
        bad = Answer("BAD", "User is authenticated but not connected.")
        alone.sandbox.script = Script([Rule("command", bad, "UID FETCH", connection=1, times=None)])
        connects = Connects()
        async with running(alone.settings(), connect=connects) as account:
            assert await read(account, place_of(alone, uid)) == LETTER
        assert connects.made == 2
