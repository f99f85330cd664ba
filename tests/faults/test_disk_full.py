"""A disk that is full under a whole bridge: the old list is shown, and it goes on when there is room."""

import errno
import subprocess
from pathlib import Path

import trio
from trio.testing import MockClock

from tests.faults.house import HEALED, LETTER, house
from tests.faults.outcome import Outcome
from tests.store.conftest import small_disk

__all__ = ["small_disk"]

MANY = [LETTER.format(number).encode() for number in range(1000, 1600)]

OUTCOME = Outcome(
    hears="its list, and its messages; `-ERR [SYS/TEMP]` to a QUIT that cannot be written",
    within="at once",
    left="nothing lost; it goes on when there is room",
)


def fill(disk: Path) -> None:
    """Leave no octet free."""
    with (disk / "other").open("wb", buffering=0) as other:
        for size in (4096, 512, 1):
            try:
                while True:
                    other.write(bytes(size))
            except OSError as failure:
                assert failure.errno == errno.ENOSPC  # noqa: PT017 - what is wanted is that it is full


def make_room(disk: Path) -> None:
    """Make the file system larger."""
    subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)


async def test_a_disk_that_takes_nothing(small_disk: Path, autojump_clock: MockClock) -> None:
    async with house(small_disk) as at:
        known = await at.listed()
        fill(small_disk)
        at.deliver(*MANY)
        await trio.sleep(100)
        async with at.connected() as device:
            assert (await device.login()).startswith("+OK")
            assert await device.unique_ids() == known
            assert await device.retr(1) == at.texts[0]
            await device.ok("DELE 1")
            told = await device.say("QUIT")
        assert told.startswith(("+OK", "-ERR [SYS/TEMP] some deleted messages not removed")), told
        left = known[1:] if told.startswith("+OK") else known
        assert await at.listed() == left
        make_room(small_disk)
        await trio.sleep(HEALED)
        found = await at.listed()
        assert found[: len(left)] == left
        assert len(found) == len(left) + len(MANY)
