"""A 50 MB message: exact, in little memory, also to a slow device, with others served meanwhile."""

import hashlib
from collections.abc import Iterable

import pytest

from tests.clients.house import House
from tests.support.messages import large_message

LARGE = 50_000_000
GROWTH = 8_000_000
SMALL = b"From: a@example.org\r\nSubject: small\r\n\r\nsmall\r\n"


@pytest.fixture(scope="module", autouse=True)
def filled(house: House) -> House:
    """Give the house with a small, a large and a middling message in it, all measured, and warm."""
    house.append([SMALL, large_message(LARGE), large_message(4_000_000, seed=1)])
    house.wait_for_messages(3)
    with house.session(house.new_login()) as device:
        device.retr(3)
        device.quit()
    return house


def _digest(lines: Iterable[bytes]) -> tuple[int, str]:
    digest, octets = hashlib.sha256(), 0
    for line in lines:
        digest.update(line)
        octets += len(line)
    return octets, digest.hexdigest()


def _watched(house: House, lines: Iterable[bytes], every: int, highest: list[int]) -> Iterable[bytes]:
    """Hand the lines on, and look at the server's memory now and then."""
    for at, line in enumerate(lines):
        if at % every == 0:
            highest.append(house.bridge.resident())
        yield line


def test_it_arrives_exactly_and_in_little_memory(house: House) -> None:
    before = house.bridge.resident()
    seen: list[int] = []
    with house.session(house.new_login()) as device:
        size = device.sizes()[2]
        octets, digest = _digest(_watched(house, device.body("RETR 2"), 5_000, seen))
        device.quit()
    wanted = large_message(LARGE)
    assert (octets, digest) == (size, hashlib.sha256(wanted).hexdigest())
    assert max(seen) - before < GROWTH


def test_a_slow_device_costs_no_memory_and_holds_up_nobody(house: House) -> None:
    before = house.bridge.resident()
    seen: list[int] = []
    others = [house.new_login() for _ in range(4)]
    with house.session(house.new_login(), buffer=8192) as slow:
        lines = iter(slow.body("RETR 2"))
        first = [next(lines) for _ in range(1_000)]
        for login in others:
            with house.session(login) as quick:
                assert quick.retr(1) == SMALL
                assert len(quick.retr(3)) == quick.sizes()[3]
                quick.quit()
            seen.append(house.bridge.resident())
            first.extend(next(lines) for _ in range(1_000))
        octets, digest = _digest([*first, *_watched(house, lines, 5_000, seen)])
        slow.quit()
    assert (octets, digest) == _digest([large_message(LARGE)])
    assert max(seen) - before < GROWTH


def test_a_device_that_drops_in_the_middle_leaves_nothing_behind(house: House) -> None:
    before = house.bridge.resident()
    login = house.new_login()
    for _ in range(3):
        with house.session(login, buffer=8192) as device:
            lines = iter(device.body("RETR 2"))
            assert next(lines).startswith(b"From:")
            device.drop()
    with house.session(login) as device:
        assert device.retr(1) == SMALL
    assert house.bridge.resident() - before < GROWTH
