"""A power cut: what was acknowledged is on the disk, and what was not is whole or not there at all."""

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
import trio
from trio.testing import MockClock

from bridge.telemetry import set_instant_hook
from tests.faults.house import LETTER, house, inbox
from tests.faults.outcome import Outcome

DATABASE = "popbridge.sqlite3"

OUTCOME = Outcome(
    hears="nothing that was acknowledged is taken back",
    within="–",
    left="nothing lost",
)


def keep(state: Path, directory: Path) -> None:
    """Copy what the disk has, without what lives in shared memory alone."""
    directory.mkdir(parents=True, exist_ok=True)
    for path in state.iterdir():
        if path.is_file() and not path.name.endswith((".lock", "-shm")):
            shutil.copy(path, directory / path.name)


async def test_what_quit_acknowledged_outlives_it(tmp_path: Path, autojump_clock: MockClock) -> None:
    """The log is on the disk when the commit returns (synchronous = FULL): a copy made then has all of it."""
    upstream, after = inbox(), tmp_path / "after"

    def hook(instant: str) -> None:
        if instant == "quit.committed":
            keep(tmp_path / "state", after / "state")

    async with house(tmp_path, upstream) as at:
        known = await at.listed()
        set_instant_hook(hook)
        try:
            async with at.session() as device:
                await device.ok("DELE 2")
        finally:
            set_instant_hook(lambda instant: None)
    async with house(after, upstream) as at:
        assert await at.listed() == [known[0], *known[2:]]


def end(octets: bytearray, at: int) -> None:
    del octets[at:]


def overwrite(octets: bytearray, at: int) -> None:
    octets[at : at + 100] = bytes(len(octets[at : at + 100]))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("how", [end, overwrite], ids=["ends early", "overwritten"])
async def test_a_log_at_fault_is_an_earlier_time(
    tmp_path: Path, autojump_clock: MockClock, seed: int, how: Callable[[bytearray, int], None]
) -> None:
    """Whatever of the log was not written yet: an older state, in which every name is the one that it was."""
    upstream, after = inbox(), tmp_path / "after"
    async with house(tmp_path, upstream) as at:
        known = await at.listed()
        at.deliver(LETTER.format("new").encode())
        await trio.sleep(30)
        known = await at.listed()
        async with at.session() as device:
            await device.ok("DELE 2")
        keep(tmp_path / "state", after / "state")
    log, chance = after / "state" / f"{DATABASE}-wal", Random(seed)
    octets = bytearray(log.read_bytes())
    how(octets, chance.randrange(len(octets)))
    log.write_bytes(octets)
    async with house(after, upstream) as at:
        assert await at.listed() in (known, [known[0], *known[2:]])
