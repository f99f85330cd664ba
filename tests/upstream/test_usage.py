"""How much of a server was used within a day."""

import pytest

from bridge.model.upkeep import Used
from bridge.upstream import Usage
from tests.upstream.beds import INBOX, Bed, running

HOUR = 480_000


class Clock:
    """A wall clock that is set by hand."""

    def __init__(self) -> None:
        self.hours = float(HOUR)

    def __call__(self) -> float:
        return self.hours * 3600


def test_a_day_is_the_last_24_hours() -> None:
    clock = Clock()
    usage = Usage(now=clock)
    usage.received(100)
    usage.connected()
    assert usage.day == Used(100, 1)
    clock.hours += 10
    usage.received(50)
    assert usage.day == Used(150, 1)
    clock.hours += 14
    assert usage.day == Used(50, 0)
    clock.hours += 10
    assert usage.day == Used(0, 0)


def test_what_is_known_from_before_counts() -> None:
    usage = Usage(now=Clock(), known={HOUR: Used(10, 1), HOUR - 23: Used(5, 1), HOUR - 24: Used(1000, 9)})
    usage.received(1)
    assert usage.day == Used(16, 2)


def test_what_is_written_is_given_once() -> None:
    clock = Clock()
    usage = Usage(now=clock, known={HOUR: Used(10, 1)})
    usage.received(5)
    taken = usage.take()
    assert taken == {HOUR: Used(5, 0)}
    assert usage.take() == {}
    usage.received(2)
    usage.put_back(taken)
    assert usage.take() == {HOUR: Used(7, 0)}
    assert usage.day == Used(17, 1)


@pytest.mark.parametrize(("budget", "octets", "spent"), [(0, 10**12, False), (1000, 799, False), (1000, 800, True)])
def test_a_budget_that_nears_its_end(budget: int, octets: int, spent: bool) -> None:
    clock = Clock()
    usage = Usage(budget, clock)
    usage.received(octets)
    assert usage.nearly_spent == spent
    clock.hours += 24
    assert not usage.nearly_spent


async def test_what_comes_over_connections_is_counted(alone: Bed) -> None:
    usage = Usage()
    async with running(alone.settings(), usage=usage) as account:
        async with account.watch() as watcher:
            await watcher.examine(INBOX)
        assert account.used.connections == 1
        assert account.used.octets > 500
        assert account.used == usage.day
