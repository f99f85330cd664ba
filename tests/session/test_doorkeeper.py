"""Who is let in, how long it takes, and whom a crowd of wrong passwords keeps waiting."""

from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from bridge.model.peer import Peer
from bridge.model.secret import Secret
from bridge.model.settings import DeviceSettings, PasswordHash
from bridge.session import ConfiguredDoorkeeper, Hashed
from bridge.session.doorkeeper import CACHE_SECONDS, CHECKS_AT_ONCE
from bridge.session.suspects import FORGOTTEN_AFTER, LONGEST_PAUSE
from tests.session.support import device

HASH_SECONDS = 0.04
RIGHT, WRONG = Secret("secret"), Secret("guess")


class Hashing:
    """Stands for the slow hash: a tenth of a password's cost in seconds for each block of it."""

    def __init__(self) -> None:
        self.at_once = self.most_at_once = 0
        self.checked: list[Hashed] = []

    async def __call__(self, stored: Hashed, given: Secret) -> bool:
        assert isinstance(stored, PasswordHash)
        self.checked.append(stored)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await trio.sleep(HASH_SECONDS * stored.n / 2**14)
        self.at_once -= 1
        return stored.digest == given.reveal().encode()


def hashed(name: str, cost: int = 2**14, networks: tuple[str, ...] = ()) -> DeviceSettings:
    return replace(device(name, networks=networks), password=PasswordHash(cost, 8, 1, b"salt", b"secret"))


async def seconds(keeper: ConfiguredDoorkeeper, login: str, password: Secret, host: str = "192.0.2.1") -> float:
    began = trio.current_time()
    await keeper.admit(login, password, Peer(host, 4000))
    return trio.current_time() - began


@pytest.mark.parametrize("cost", [2**14, 2**15])
async def test_an_unknown_login_takes_as_long_as_a_wrong_password(autojump_clock: MockClock, cost: int) -> None:
    keeper = ConfiguredDoorkeeper([hashed("fax", cost)], Hashing())
    known = await seconds(keeper, "fax", WRONG, "192.0.2.2")
    assert await seconds(keeper, "nobody", WRONG, "192.0.2.1") == pytest.approx(known)


async def test_a_plain_password_is_checked_at_once_when_right_and_slowly_when_wrong(autojump_clock: MockClock) -> None:
    hashing = Hashing()
    keeper = ConfiguredDoorkeeper([device("fax")], hashing)
    assert await seconds(keeper, "fax", RIGHT) == 0
    assert hashing.checked == []
    unknown = await seconds(keeper, "nobody", RIGHT, "192.0.2.2")
    assert await seconds(keeper, "fax", WRONG, "192.0.2.3") == pytest.approx(unknown)
    assert unknown > HASH_SECONDS


async def test_from_elsewhere_the_right_password_is_like_a_wrong_one(autojump_clock: MockClock) -> None:
    devices = [hashed(name, networks=("192.0.2.0/24",)) for name in ("fax", "den", "till")]
    keeper = ConfiguredDoorkeeper(devices, Hashing())
    assert await keeper.admit("fax", RIGHT, Peer("192.0.2.1", 4000)) is not None
    right = await seconds(keeper, "fax", RIGHT, "203.0.113.1")
    assert right == pytest.approx(await seconds(keeper, "den", WRONG, "203.0.113.2"))
    assert await keeper.admit("till", RIGHT, Peer("203.0.113.3", 4000)) is None


async def test_a_wrong_password_waits_longer_each_time_and_the_right_one_never(autojump_clock: MockClock) -> None:
    keeper = ConfiguredDoorkeeper([hashed("fax"), hashed("den")], Hashing())
    waits = [round(await seconds(keeper, "fax", WRONG) - HASH_SECONDS, 2) for _ in range(6)]
    assert waits == [0.25, 0.5, 1.0, 2.0, 2.0, 2.0]
    assert await seconds(keeper, "fax", RIGHT) == pytest.approx(HASH_SECONDS)
    assert await seconds(keeper, "den", WRONG, "192.0.2.2") == pytest.approx(HASH_SECONDS + 0.25)
    await trio.sleep(FORGOTTEN_AFTER)
    assert await seconds(keeper, "fax", WRONG) == pytest.approx(HASH_SECONDS + 0.25)


@pytest.mark.parametrize("login", ["fax", "nobody"])
async def test_a_login_that_many_try_waits_longer_wherever_they_are(autojump_clock: MockClock, login: str) -> None:
    keeper = ConfiguredDoorkeeper([hashed("fax")], Hashing())
    waits = [await seconds(keeper, login, WRONG, f"192.0.2.{number}") - HASH_SECONDS for number in range(1, 6)]
    assert waits == pytest.approx([0.25, 0.5, 1.0, 2.0, 2.0])
    assert await seconds(keeper, "fax", RIGHT, "203.0.113.9") == pytest.approx(HASH_SECONDS)


async def test_an_attack_from_one_address_gets_less_than_two_guesses_a_second(autojump_clock: MockClock) -> None:
    keeper = ConfiguredDoorkeeper([hashed("fax"), device("till")], Hashing())
    answers: list[float] = []

    async def guess() -> None:
        while True:
            await keeper.admit("till", WRONG, Peer("198.51.100.1", 4000))
            answers.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(guess)
        for _ in range(20):
            await trio.sleep(3)
            assert await seconds(keeper, "fax", RIGHT, "203.0.113.9") < 2 * HASH_SECONDS
            assert await seconds(keeper, "till", RIGHT, "203.0.113.9") == 0
        nursery.cancel_scope.cancel()
    assert len(answers) < 2 * 60


async def test_addresses_of_one_ipv6_network_wait_together(autojump_clock: MockClock) -> None:
    keeper = ConfiguredDoorkeeper([hashed("fax")], Hashing())
    for number in range(5):
        await keeper.admit("fax", WRONG, Peer(f"2001:db8::{number}", 4000))
    assert await seconds(keeper, "fax", WRONG, "2001:db8::ffff") == pytest.approx(HASH_SECONDS + LONGEST_PAUSE)
    assert await seconds(keeper, "nobody", WRONG, "2001:db8:0:1::1") == pytest.approx(HASH_SECONDS + 0.25)


async def test_the_owner_waits_for_no_crowd_that_guesses(autojump_clock: MockClock) -> None:
    hashing = Hashing()
    keeper = ConfiguredDoorkeeper([hashed("fax")], hashing)
    assert await keeper.admit("fax", RIGHT, Peer("192.0.2.1", 4000)) is not None
    await trio.sleep(CACHE_SECONDS + 1)
    async with trio.open_nursery() as nursery:
        for number in range(1, 201):
            nursery.start_soon(keeper.admit, "fax", WRONG, Peer(f"198.51.100.{number}", 4000))
        await trio.sleep(HASH_SECONDS / 2)
        # From where it has logged in before it comes next, and from a new address before those that have failed.
        assert await seconds(keeper, "fax", RIGHT) < 2 * HASH_SECONDS
        await trio.sleep(10)
        for number in range(1, 201):
            nursery.start_soon(keeper.admit, "fax", WRONG, Peer(f"198.51.100.{number}", 4000))
        keeper.replace([hashed("fax")])
        assert await seconds(keeper, "fax", RIGHT, "203.0.113.9") < 2 * HASH_SECONDS
    assert hashing.most_at_once == CHECKS_AT_ONCE


async def test_one_address_with_many_connections_is_one_among_others(autojump_clock: MockClock) -> None:
    keeper = ConfiguredDoorkeeper([hashed("fax")], Hashing())
    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(keeper.admit, "fax", WRONG, Peer("198.51.100.1", 4000))
        await trio.sleep(HASH_SECONDS / 2)
        assert await seconds(keeper, "fax", RIGHT) < 2 * HASH_SECONDS


async def test_a_turn_of_one_who_left_goes_to_the_next(autojump_clock: MockClock) -> None:
    keeper = ConfiguredDoorkeeper([hashed("fax")], Hashing())
    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(keeper.admit, "fax", WRONG, Peer(f"198.51.100.{number}", 4000))
        await trio.sleep(HASH_SECONDS / 2)
        nursery.cancel_scope.cancel()
    assert await seconds(keeper, "fax", RIGHT) == pytest.approx(HASH_SECONDS)
