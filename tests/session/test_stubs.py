"""Devices that count messages: what stands in the place of one that is not shown any more."""

import pytest
import trio
from trio.testing import MockClock

from bridge.adapt import STUB_OCTETS, position_stub
from tests.session.support import Caller, FakeMaildrops, House, device


@pytest.fixture
async def house(autojump_clock: MockClock, nursery: trio.Nursery) -> House:
    return House(nursery, FakeMaildrops(), device(on_delete="trash", quirks=frozenset({"counts"}), on_retrieve="hide"))


async def counting(house: House) -> Caller:
    """Log in once more, when message 2 was deleted by a session before."""
    first = house.call()
    await first.log_in()
    await first.ask("DELE 2")
    await first.ask("QUIT")
    house.maildrops.plans[1:] = []
    caller = house.call()
    await caller.log_in()
    return caller


async def test_numbers_stay(house: House) -> None:
    caller = await counting(house)
    assert await caller.ask("STAT") == f"+OK 3 {29 + STUB_OCTETS + 18}"
    assert await caller.lines("LIST") == ["1 29", f"2 {STUB_OCTETS}", "3 18"]
    assert await caller.ask("LIST 2") == f"+OK 2 {STUB_OCTETS}"
    assert await caller.lines("UIDL") == [f"{n} {n:032x}" for n in (1, 2, 3)]


async def test_a_stub_is_sent_without_asking_upstream(house: House) -> None:
    caller = await counting(house)
    assert await caller.ask("RETR 2") == f"+OK {STUB_OCTETS} octets"
    assert "\r\n".join([*await caller.until_dot(), ""]).encode() == position_stub(f"{2:032x}")
    header = await caller.lines("TOP 2 0")
    assert (header[0][:5], header[-1]) == ("From:", "")
    assert len(await caller.lines("TOP 2 1")) == len(header) + 1
    assert house.maildrops.asked == []
    assert await caller.ask("LAST") == "+OK 2"


async def test_what_is_done_to_a_stub_means_nothing(house: House) -> None:
    caller = await counting(house)
    await caller.lines("RETR 2")
    assert await caller.ask("DELE 2") == "+OK message 2 deleted"
    assert (await caller.ask("RETR 2")).startswith("-ERR")
    assert await caller.ask("STAT") == "+OK 2 47"
    assert await caller.ask("QUIT") == "+OK goodbye"
    assert len(house.maildrops.plans) == 1
    again = house.call()
    await again.log_in()
    assert await again.ask("STAT") == f"+OK 3 {29 + STUB_OCTETS + 18}"


async def test_nothing_of_a_stub_is_kept_when_the_device_drops(house: House) -> None:
    caller = await counting(house)
    await caller.lines("RETR 2")
    await caller.drop()
    await house.reason()
    assert house.maildrops.unacknowledged[-1] is None
