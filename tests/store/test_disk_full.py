"""A disk that is really full: a small file system of its own, where the tests may mount one."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.model.failures import StoreUnavailable
from bridge.model.names import EntrySeq, Uid
from bridge.model.places import ListedMessage, ListingChange
from bridge.store import Store, open_store
from bridge.store.opening import MARKER
from tests.store.support import FAX, INBOX, ONE, fill, namer, plan, uids

OCTETS = 1024 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of 1 MiB, mounted for one test."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("DISK FULL IS NOT TESTED HERE: mounting a small file system needs root and mount(8)")
    mounted = ["mount", "-t", "tmpfs", "-o", f"size={OCTETS}", "popbridge-test", str(disk)]
    done = subprocess.run(mounted, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"DISK FULL IS NOT TESTED HERE: a small file system cannot be mounted: {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def spare(disk: Path) -> int:
    """Fill the disk up; gives how many octets went into the file that does it."""
    with (disk / "other").open("wb", buffering=0) as other:
        try:
            while True:
                other.write(bytes(4096))
        except OSError:
            return other.tell()


def make_room(disk: Path) -> None:
    (disk / "other").unlink()


async def list_many(store: Store, first: int) -> list[int]:
    many = tuple(ListedMessage(Uid(uid), 100, 0, "x" * 80) for uid in range(first, first + 500))
    return uids(await store.apply_listing(ListingChange(INBOX, ONE, many), namer()))


async def test_a_full_disk_loses_nothing_that_was_acknowledged(small_disk: Path) -> None:
    async with open_store(small_disk / "state") as store:
        await fill(store, 1, 2)
        await store.commit_update(plan(FAX, 1.0, [EntrySeq(1)]))
        spare(small_disk)
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="disk is full: make room"):
                await list_many(store, 10)
        # What is there can be looked at, and is what it was.
        assert uids(await store.load_messages(INBOX)) == [1, 2]
        assert (await store.overview())["totals"]["issued_ids"] == 2
        make_room(small_disk)
        assert len(await list_many(store, 10)) == 500
    async with open_store(small_disk / "state") as store:
        assert len(await store.load_messages(INBOX)) == 502
        assert await store.load_hides(FAX) == [1]


async def test_a_full_disk_at_the_first_start_leaves_no_claim_that_state_was_here(small_disk: Path) -> None:
    state_dir = small_disk / "state"
    state_dir.mkdir()
    spare(small_disk)
    with pytest.raises(StoreUnavailable):
        async with open_store(state_dir):
            pass
    assert not (state_dir / MARKER).exists()
    make_room(small_disk)
    async with open_store(state_dir) as store:
        await fill(store, 1)
