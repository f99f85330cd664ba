"""SIGKILL at each of the spool's instants: what is said to be spooled is there, whole; what is left over is swept."""

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from bridge.store import inline
from tests.faults.outcome import Outcome
from tests.store.crashing_spool import LARGE, STEPS
from tests.store.spooling import held, letter, read, spooled_files, spooling
from tests.store.test_crash import crash

SIZES = {1: 1000, 2: 1000, 3: LARGE, 4: 2001}
HELD = {"opened": [], "small": [1, 2], "large": [1, 2, 3], "evicted": [3, 4], "dropped": [4]}

# What is spooled after a crash, by how often the instant came: files come before rows, and rows go before files.
AFTER = [
    *(("spool.written", times, HELD[step]) for times, step in enumerate(STEPS[:3], 1)),
    *(("spool.renamed", times, HELD[step]) for times, step in enumerate(STEPS[:3], 1)),
    *(("spool.committed", times, HELD[step]) for times, step in enumerate(STEPS[1:4], 1)),
    ("spool.taken_out", 1, HELD["dropped"]),
]

OUTCOME = Outcome(
    hears="–",
    within="a restart",
    left="what is said to be spooled is there, whole",
)


async def found(state_dir: Path) -> list[int]:
    """Give what is spooled; all of it must be whole, and nothing else left once the spool has looked after itself."""
    async with spooling(state_dir, runner=inline) as store:
        entries = held(store.spool)
        for entry in entries:
            assert await read(store.spool, entry) == letter(entry, SIZES[entry])
        with trio.move_on_after(60):
            await store.spool.run()
        assert (held(store.spool), len(spooled_files(state_dir))) == (entries, len(entries))
    return entries


@pytest.mark.parametrize(("instant", "times", "entries"), AFTER)
def test_what_is_spooled_is_there(tmp_path: Path, instant: str, times: int, entries: list[int]) -> None:
    crash(tmp_path, instant, times, "crashing_spool")
    left_over = len(spooled_files(tmp_path)) - len(entries)
    assert left_over > 0 or instant == "spool.committed"
    assert trio.run(found, tmp_path, clock=MockClock(autojump_threshold=0)) == entries
