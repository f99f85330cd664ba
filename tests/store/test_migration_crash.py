"""SIGKILL, and a full disk, while a database of a former version is brought up: it is the old one or the new one."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from bridge.model.failures import StoreUnavailable
from bridge.store import open_store
from bridge.store.opening import DATABASE, LOCK
from tests.faults.outcome import Outcome
from tests.store.support import spare
from tests.store.test_crash import ROOT, crash
from tests.store.test_migrations import lay

LIFE = "crashing_migration"
PLACES = 4
"""At so many statements, evenly spread, it is killed."""

OUTCOME = Outcome(
    hears="of a full disk, at the start",
    within="at once",
    left="the old database or the new one; the next start brings it up",
)


def content(state_dir: Path) -> list[str]:
    """Give all that a database holds, but for how often it was opened."""
    with closing(sqlite3.connect(state_dir / DATABASE)) as db:
        return [line for line in db.iterdump() if "'generation'" not in line and "_sqlite_migrations" not in line]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], int]:
    """Give what comes of a migration that nothing disturbs, and how many statements it takes."""
    state_dir = tmp_path_factory.mktemp("whole")
    lay(state_dir)
    command = [sys.executable, "-m", f"tests.store.{LIFE}", str(state_dir), "statement", "0"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    return content(state_dir), said.count("statement")


@pytest.mark.parametrize("place", range(PLACES))
async def test_killed_in_the_middle(tmp_path: Path, whole: tuple[list[str], int], place: int) -> None:
    expected, statements = whole
    lay(tmp_path)
    crash(tmp_path, "statement", 1 + place * (statements - 1) // (PLACES - 1), LIFE)
    async with open_store(tmp_path):
        pass
    assert content(tmp_path) == expected


async def test_a_full_disk_leaves_the_old_database(small_disk: Path, whole: tuple[list[str], int]) -> None:
    state_dir = small_disk / "state"
    state_dir.mkdir()
    lay(state_dir)
    (state_dir / LOCK).write_bytes(b"1\n")  # which it had all the time
    before = content(state_dir)
    spare(small_disk)
    with pytest.raises(StoreUnavailable, match=r"popbridge\.sqlite3: its disk is full: make room"):
        async with open_store(state_dir):
            pass
    assert content(state_dir) == before
    (small_disk / "other").unlink()
    async with open_store(state_dir):
        pass
    assert content(state_dir) == whole[0]
