"""The spool on a disk that is full or read-only: it keeps no more, says so once, and nothing else suffers."""

import io
import sqlite3
import subprocess
from pathlib import Path

import trio
from trio.testing import MockClock

from bridge.model.names import EntrySeq
from bridge.store import Store, inline
from bridge.telemetry import set_instant_hook
from tests.faults.outcome import Outcome
from tests.store.spooling import DAY, account, held, keep, letter, read, spooled_files, spooling
from tests.store.support import FAMILY, FAX, plan

LARGE = 50_000
LATER = 301.0
"""Seconds after which it is tried again."""

OUTCOME = Outcome(
    hears="its messages; `status` says why no more are kept",
    within="at once; tried again after 5 minutes",
    left="what was spooled before; the database has its room",
)


def free(disk: Path) -> int:
    """Give how many octets are free."""
    found = subprocess.run(["df", "--output=avail", "-B1", str(disk)], capture_output=True, text=True, check=True)
    return int(found.stdout.split()[1])


async def keep_until_full(store: Store) -> list[int]:
    """Keep messages until the disk would have no more; gives what is kept then."""
    for number in range(1, 30):
        await keep(store.spool, number, octets=LARGE)
        if store.spool.problem:
            return held(store.spool)
    raise AssertionError("the disk is never full")


async def test_a_full_disk_takes_no_more_and_leaves_the_database_its_room(
    small_disk: Path, autojump_clock: MockClock, log: io.StringIO
) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(150_000))
    async with spooling(small_disk / "state", runner=inline, entries=30) as store:
        kept = await keep_until_full(store)
        assert len(kept) >= 5
        assert store.spool.problem == f"{small_disk / 'state' / 'spool'}: its disk is nearly full: make room"
        assert free(small_disk) >= 1024 * 1024 // 20
        # Other work goes on, what is there can be read, and it is said once, however often it is tried.
        await store.commit_update(plan(FAX, 1.0, [EntrySeq(1)]))
        assert await read(store.spool, kept[0]) == letter(kept[0], LARGE)
        assert not store.spool.wants(FAMILY, EntrySeq(30), LARGE)
        await trio.sleep(LATER)
        assert store.spool.wants(FAMILY, EntrySeq(30), LARGE)
        await keep(store.spool, 30, octets=LARGE)
        async with store.spool.draft(FAMILY, EntrySeq(30)) as draft:
            await draft.write(letter(30, 2_000_000))
            await draft.keep()
        assert held(store.spool) == kept
        assert len(spooled_files(small_disk / "state")) == len(kept)
        assert log.getvalue().count("spool.stopped") == 1
        # Once there is room it goes on.
        ballast.unlink()
        await keep(store.spool, 30, octets=LARGE)
        assert (held(store.spool), store.spool.problem) == ([*kept, 30], "")
        assert log.getvalue().count("spool.resumed") == 1


def fail(instant: str) -> None:
    """Stand for a disk that would not have the database's row."""
    if instant == "store.before_commit":
        failure = sqlite3.OperationalError("database or disk is full")
        failure.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise failure


async def test_a_database_that_cannot_take_the_row_leaves_no_file(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with spooling(tmp_path, account(octets=2500), runner=inline) as store:
        await keep(store.spool, 1, 2)
        files = spooled_files(tmp_path)
        set_instant_hook(fail)
        try:
            await keep(store.spool, 2, 3)
            async with store.spool.draft(FAMILY, EntrySeq(4)) as draft:
                await draft.write(letter(4))
                await draft.keep()
        finally:
            set_instant_hook(lambda instant: None)
        assert (held(store.spool), store.spool.totals(FAMILY)) == ([1, 2], (2, 2000))
        assert spooled_files(tmp_path) == files
        assert "make room" in store.spool.problem
        await keep(store.spool, 3)
        assert (held(store.spool), store.spool.problem) == ([2, 3], "")


def remount(disk: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(disk)], check=True)


async def test_a_read_only_disk_gives_what_it_has_and_takes_no_more(
    tmp_path: Path, small_disk: Path, autojump_clock: MockClock, log: io.StringIO
) -> None:
    """The spool's directory may be on another disk than the database."""
    state_dir = tmp_path / "state"
    state_dir.mkdir()
    (state_dir / "spool").symlink_to(small_disk)
    async with spooling(state_dir, runner=inline) as store:
        await keep(store.spool, 1, 2)
        remount(small_disk, "ro")
        await keep(store.spool, 3)
        assert store.spool.problem == f"{state_dir / 'spool'}: its disk is read-only: mount it writable"
        assert await read(store.spool, 1) == letter(1)
        await store.spool.apply([account(octets=1000)])
        with trio.move_on_after(7200):
            await store.spool.run()
        assert held(store.spool) == [2]
        assert log.getvalue().count("spool.stopped") == 1
        remount(small_disk, "rw")
        await store.spool.apply([account(octets=5000)])
        await keep(store.spool, 3)
        assert (held(store.spool), store.spool.problem) == ([2, 3], "")
        # What could not be removed then is swept when its day comes.
        with trio.move_on_after(2 * DAY):
            await store.spool.run()
        assert len(spooled_files(state_dir)) == 2
