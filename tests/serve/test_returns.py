"""Moving messages back: at once for a command, later for what could not be done, and never twice."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from bridge.model.failures import StoreUnavailable
from bridge.model.names import AccountId, EntrySeq, MailboxName, Uid, UidValidity
from bridge.model.places import MailboxKey
from bridge.model.update import BringBack, MovedTo
from bridge.serve.returns import PAUSE, Returns
from tests.serve.live import FakeLive

FAMILY, WORK = AccountId("family"), AccountId("work")


class Promises:
    """What is still to be moved back, and how it ended."""

    def __init__(self, *waiting: BringBack) -> None:
        self.waiting = {one.intent: one for one in waiting}
        self.notes: dict[int, str] = {}
        self.broken = False
        self.listed: set[int] = set()

    async def returning(self) -> list[BringBack]:
        await trio.lowlevel.checkpoint()
        if self.broken:
            raise StoreUnavailable("its disk gave an input/output error")
        return list(self.waiting.values())

    async def brought_back(self, intent: int) -> None:
        await trio.lowlevel.checkpoint()
        del self.waiting[intent]

    async def is_back(self, intent: int) -> bool:
        await trio.lowlevel.checkpoint()
        return intent in self.listed

    async def not_brought_back(self, intent: int, note: str) -> None:
        await trio.lowlevel.checkpoint()
        del self.waiting[intent]
        self.notes[intent] = note


def moved(intent: int, account: AccountId = FAMILY) -> BringBack:
    """Give a message that was moved to the trash."""
    source = MailboxKey(account, MailboxName("INBOX"))
    return BringBack(
        intent, EntrySeq(intent), source, MovedTo(MailboxName("Trash"), UidValidity(1), Uid(intent)), 9, ""
    )


@asynccontextmanager
async def running(returns: Returns) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(returns.run)
        yield
        nursery.cancel_scope.cancel()


class Heard(list[str]):
    """Takes signs of life."""

    async def __call__(self, sentence: str) -> None:
        await trio.lowlevel.checkpoint()
        self.append(sentence)


async def test_what_waited_for_a_daemon_is_moved_back_when_it_starts(autojump_clock: trio.testing.MockClock) -> None:
    live, promises = FakeLive(), Promises(moved(1))
    async with running(Returns(promises, live)):
        await trio.testing.wait_all_tasks_blocked()
        assert (live.back, promises.waiting) == ([1], {})
        # So that the index sees soon what came back.
        assert live.looked == [FAMILY]


async def test_what_a_crash_left_moved_back_is_not_said_to_be_lost(autojump_clock: trio.testing.MockClock) -> None:
    live, promises = FakeLive(), Promises(moved(1), moved(2))
    live.emptied = {1, 2}
    async with running(Returns(promises, live)):
        await trio.testing.wait_all_tasks_blocked()
        assert (live.looked, len(promises.waiting)) == ([FAMILY, FAMILY], 2)
        # The look finds the first where it belongs; the other is lost indeed.
        promises.listed = {1}
        await trio.sleep(PAUSE + 1)
        assert promises.waiting == {}
        assert promises.notes == {2: "not moved back: the message is not in Trash any more"}


async def test_an_upstream_that_is_down_is_asked_once_and_again_later(autojump_clock: trio.testing.MockClock) -> None:
    live, promises = FakeLive(), Promises(moved(1), moved(2), moved(3, WORK))
    live.down = {FAMILY}
    async with running(Returns(promises, live)):
        await trio.testing.wait_all_tasks_blocked()
        assert (live.back, live.tries) == ([3], 2)
        live.down = set()
        await trio.sleep(PAUSE + 1)
        assert live.back == [3, 1, 2]


async def test_a_store_that_fails_is_asked_again_later(autojump_clock: trio.testing.MockClock) -> None:
    live, promises = FakeLive(), Promises(moved(1))
    promises.broken = True
    async with running(Returns(promises, live)):
        await trio.sleep(1)
        promises.broken = False
        await trio.sleep(PAUSE)
        assert live.back == [1]


async def test_a_command_moves_its_own_back_and_nothing_is_moved_twice(autojump_clock: trio.testing.MockClock) -> None:
    live, promises = FakeLive(), Promises(moved(1), moved(2))
    live.seconds = 5
    returns = Returns(promises, live)
    heard = Heard()
    async with running(returns):
        await trio.sleep(1)
        # The task is moving the first back just now.
        async with returns.quiet(heard):
            promises.waiting |= {7: moved(7), 8: moved(8)}
            # An undo that is given again has what still waits among its own.
            done = await returns.bring_back([moved(2), moved(7)], heard)
            assert [one.settled for one in done] == ["back", "back"]
            assert live.back == [1, 2, 7]
        await trio.sleep(60)
        assert live.back == [1, 2, 7, 8]
    assert heard == ["1 of 2 moved back", "2 of 2 moved back"]


async def test_a_command_says_that_it_lives_while_a_server_takes_its_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    live, promises, heard = FakeLive(), Promises(moved(1), moved(2)), Heard()
    live.seconds = 25
    returns = Returns(promises, live)
    async with returns.quiet(heard):
        await returns.bring_back(list(promises.waiting.values()), heard)
    waiting = "{} of 2 moved back, waiting for the server"
    assert heard == [*[waiting.format(0)] * 2, "1 of 2 moved back", *[waiting.format(1)] * 2, "2 of 2 moved back"]


async def test_a_command_tries_an_account_that_is_down_once(autojump_clock: trio.testing.MockClock) -> None:
    live, promises, heard = FakeLive(), Promises(moved(1), moved(2), moved(3, WORK)), Heard()
    live.down = {FAMILY}
    returns = Returns(promises, live)
    async with returns.quiet(heard):
        done = await returns.bring_back(list(promises.waiting.values()), heard)
    assert [(one.settled, one.note) for one in done] == [
        ("later", "account family cannot be reached"),
        ("later", "account family cannot be reached"),
        ("back", ""),
    ]
    assert live.tries == 2
    assert list(promises.waiting) == [1, 2]


async def test_what_the_store_cannot_write_is_told_as_that(autojump_clock: trio.testing.MockClock) -> None:
    class Full(Promises):
        async def brought_back(self, intent: int) -> None:
            await trio.lowlevel.checkpoint()
            raise StoreUnavailable("its disk is full")

    live, promises, heard = FakeLive(), Full(moved(1)), Heard()
    returns = Returns(promises, live)
    async with returns.quiet(heard):
        with pytest.raises(StoreUnavailable, match="disk is full"):
            await returns.bring_back([moved(1)], heard)
