"""Who has to go when there is no room: never one that has logged in, and never one in favour of a crowd."""

from contextlib import ExitStack

import trio
from trio.testing import MockClock

from bridge.model.peer import Peer
from bridge.model.settings import ServerSettings
from bridge.session import Gate
from bridge.session.gate import CROWDED_SECONDS, MOST_ANNOUNCING, MOST_REFUSALS


class Guest:
    def __init__(self, host: str) -> None:
        self.peer = Peer(host, 4000)
        self.out = False

    def turn_out(self) -> None:
        self.out = True


class Hall:
    """A gate, and those who went through it and stay."""

    def __init__(self, most: int, per_peer: int, system: int | None = None) -> None:
        server = ServerSettings("/nowhere", "/nowhere", max_sessions=most, max_sessions_per_peer=per_peer)
        self.gate = Gate(server, system)
        self._open = ExitStack()

    def enters(self, guest: Guest) -> bool:
        return self._open.enter_context(self.gate.enter(guest))

    def crowd(self, *hosts: str) -> list[Guest]:
        guests = [Guest(host) for host in hosts]
        assert all(map(self.enters, guests))
        return guests


async def test_one_address_gets_its_share_and_no_more(autojump_clock: MockClock) -> None:
    hall = Hall(100, 3)
    crowd = hall.crowd(*["192.0.2.1"] * 3)
    assert not hall.enters(Guest("192.0.2.1"))
    assert hall.enters(Guest("192.0.2.2"))
    assert not any(each.out for each in crowd)


async def test_addresses_of_one_ipv6_network_share(autojump_clock: MockClock) -> None:
    hall = Hall(100, 2)
    hall.crowd("2001:db8::1", "2001:db8::2")
    assert not hall.enters(Guest("2001:db8::3"))
    assert hall.enters(Guest("2001:db8:0:1::3"))
    hall.crowd("::ffff:192.0.2.1", "192.0.2.1")
    assert not hall.enters(Guest("192.0.2.1"))


async def test_a_newcomer_goes_before_a_crowd_from_one_address(autojump_clock: MockClock) -> None:
    hall = Hall(6, 4)
    first, *others = hall.crowd(*["192.0.2.1"] * 4)
    hall.crowd("192.0.2.2", "192.0.2.3")
    assert hall.enters(Guest("192.0.2.4"))
    assert first.out
    assert not any(each.out for each in others)


async def test_where_all_have_the_same_the_newcomer_is_refused(autojump_clock: MockClock) -> None:
    hall = Hall(3, 3)
    crowd = hall.crowd("192.0.2.1", "192.0.2.2", "192.0.2.3")
    assert not hall.enters(Guest("192.0.2.4"))
    await trio.sleep(CROWDED_SECONDS)
    assert hall.enters(Guest("192.0.2.4"))
    assert [each.out for each in crowd] == [True, False, False]


async def test_whoever_has_logged_in_stays(autojump_clock: MockClock) -> None:
    hall = Hall(3, 3)
    crowd = hall.crowd(*["192.0.2.1"] * 3)
    for each in crowd:
        hall.gate.logged_in(each)
    await trio.sleep(CROWDED_SECONDS)
    assert not hall.enters(Guest("192.0.2.4"))
    assert not any(each.out for each in crowd)


async def test_an_address_that_is_full_of_silent_ones_is_not_shut(autojump_clock: MockClock) -> None:
    hall = Hall(100, 2)
    crowd = hall.crowd(*["192.0.2.1"] * 2)
    await trio.sleep(CROWDED_SECONDS)
    assert hall.enters(Guest("192.0.2.1"))
    assert [each.out for each in crowd] == [True, False]


async def test_the_systems_limit_counts_too(autojump_clock: MockClock) -> None:
    hall = Hall(100, 100, system=2)
    hall.crowd("192.0.2.1", "192.0.2.2")
    assert not hall.enters(Guest("192.0.2.3"))


async def test_too_many_refusals_go_without_a_word(autojump_clock: MockClock) -> None:
    gate = Hall(1, 1).gate
    with ExitStack() as under_way:
        told = [under_way.enter_context(gate.refusing(Guest("192.0.2.1"))) for _ in range(MOST_REFUSALS + 1)]
        assert told == [True] * MOST_REFUSALS + [False]
    with gate.refusing(Guest("192.0.2.1")) as told_again:
        assert told_again


async def test_where_a_device_has_logged_in_before_none_has_to_wait(autojump_clock: MockClock) -> None:
    hall = Hall(3, 3)
    with hall.gate.enter(known := Guest("192.0.2.9")):
        hall.gate.logged_in(known)
    first, *others = hall.crowd("192.0.2.1", "192.0.2.2", "192.0.2.3")
    assert not hall.enters(Guest("192.0.2.4"))
    assert hall.enters(Guest("192.0.2.9"))
    assert first.out
    assert not any(each.out for each in others)


async def test_known_addresses_do_not_turn_each_other_out(autojump_clock: MockClock) -> None:
    hall = Hall(2, 2)
    for host in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
        with hall.gate.enter(known := Guest(host)):
            hall.gate.logged_in(known)
    crowd = hall.crowd("192.0.2.1", "192.0.2.2")
    assert not hall.enters(Guest("192.0.2.3"))
    assert not any(each.out for each in crowd)


async def test_proxies_that_do_not_say_whose_connections_they_bring_fill_no_house(autojump_clock: MockClock) -> None:
    hall = Hall(MOST_ANNOUNCING + 2, MOST_ANNOUNCING)
    with ExitStack() as unannounced:
        told = [unannounced.enter_context(hall.gate.announcing()) for _ in range(MOST_ANNOUNCING + 3)]
        assert told == [True] * (MOST_ANNOUNCING + 2) + [False]
        # They take nobody's place: whose they are is judged when that is known.
        hall.crowd("192.0.2.1", "192.0.2.2")
        assert hall.gate.inside == 2
    full = Hall(1, 1)
    full.crowd("192.0.2.1")
    with ExitStack() as unannounced:
        told = [unannounced.enter_context(full.gate.announcing()) for _ in range(MOST_ANNOUNCING + 1)]
        assert told == [True] * MOST_ANNOUNCING + [False]
    with full.gate.announcing() as room:
        assert room
