"""A copy of the database, made while it is written to."""

import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from bridge.model.failures import StoreUnavailable
from bridge.model.names import EntrySeq
from bridge.model.places import ListingChange
from bridge.store import Store, inline, open_store
from bridge.store.opening import DATABASE
from tests.store.spooling import held, keep, letter, read, spooling
from tests.store.support import FAX, INBOX, ONE, files, fill, listed, mode, namer, plan, spare, trash, uids


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path / "state") as opened:
        yield opened


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "shelf").mkdir()
    return tmp_path / "shelf" / "copy.sqlite3"


def put_in_place(target: Path) -> Path:
    """Give a state directory with the copy as its database."""
    state_dir = target.parent / "other"
    state_dir.mkdir()
    (state_dir / DATABASE).write_bytes(target.read_bytes())
    return state_dir


async def test_a_copy_has_all_that_was_written_and_holds_its_intents(store: Store, target: Path) -> None:
    stored = await fill(store, 1, 2, 3)
    promise = plan(FAX, 1.0, [EntrySeq(1)], [EntrySeq(2)])
    await store.commit_update(replace(promise, intents=(trash(EntrySeq(1), 1, 2.0),)))
    await store.backup(target)
    assert [path.name for path in files(target.parent)] == ["copy.sqlite3"]
    assert mode(target) == 0o600
    async with open_store(put_in_place(target)) as copy:
        assert copy.restored
        assert await copy.load_messages(INBOX) == stored
        assert await copy.load_hides(FAX) == [1]
        assert await copy.due_intents(9.0, 9) == []
        # Ids go on where they were: none is given to two messages, however often the copy is put back.
        [new] = await copy.apply_listing(ListingChange(INBOX, ONE, listed(4)), namer())
        assert new.seq == 4


async def test_a_copy_without_the_spools_files_says_nothing_is_spooled(target: Path, autojump_clock: MockClock) -> None:
    async with spooling(target.parent / "state", runner=inline) as store:
        await keep(store.spool, 1, 2)
        await store.backup(target)
    async with spooling(put_in_place(target), runner=inline) as copy:
        assert await read(copy.spool, 1) is None
        with trio.move_on_after(60):
            await copy.spool.run()
        assert (held(copy.spool), copy.spool.problem) == ([], "")
        await keep(copy.spool, 1)
        assert await read(copy.spool, 1) == letter(1)


async def test_what_is_copied_goes_on_as_before(store: Store, target: Path) -> None:
    await fill(store, 1)
    await store.commit_update(replace(plan(FAX, 1.0, []), intents=(trash(EntrySeq(1), 1, 2.0),)))
    await store.backup(target)
    assert not store.restored
    assert len(await store.due_intents(9.0, 9)) == 1
    await store.backup(target.with_name("second"))
    assert [path.name for path in files(target.parent)] == ["copy.sqlite3", "second"]


async def test_a_copy_made_while_it_is_written_is_of_one_moment(store: Store, target: Path) -> None:
    async def write() -> None:
        for first in range(1, 2000, 20):
            await store.apply_listing(ListingChange(INBOX, ONE, listed(*range(first, first + 20))), namer())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write)
        while len(await store.load_messages(INBOX)) < 200:
            await trio.lowlevel.checkpoint()
        await store.backup(target)
    with closing(sqlite3.connect(target)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        [counts] = db.execute(
            "SELECT (SELECT count(*) FROM entries), (SELECT count(*) FROM locations), (SELECT count(*) FROM issued_ids)"
        ).fetchall()
    assert counts[0] >= 200
    assert counts[0] % 20 == 0
    assert set(counts) == {counts[0]}


LINK = "a link that leads nowhere"


@pytest.fixture(params=["another backup", "", LINK])
def taken(request: pytest.FixtureRequest, target: Path) -> Path:
    """Give a target that is there already."""
    if request.param == LINK:
        target.symlink_to(target.parent / "nowhere")
    else:
        target.write_text(request.param)
    return target


def touched(path: Path) -> tuple[int, int, int]:
    """Give which file this is, and when it was last written."""
    stat = path.lstat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


async def test_what_is_there_is_not_overwritten(store: Store, taken: Path) -> None:
    before = touched(taken)
    with pytest.raises(StoreUnavailable, match=r"copy\.sqlite3 is there already"):
        await store.backup(taken)
    assert files(taken.parent) == [taken]
    assert touched(taken) == before


async def test_a_copy_that_cannot_be_written(store: Store, target: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"the backup .*nowhere/copy cannot be written: No such file"):
        await store.backup(target.parent / "nowhere" / "copy")


async def test_a_copy_on_a_full_disk_leaves_nothing_there(store: Store, small_disk: Path) -> None:
    await fill(store, *range(1, 5000))
    before = spare(small_disk)
    (small_disk / "other").write_bytes(bytes(before - 64 * 1024))
    with pytest.raises(StoreUnavailable, match=r"copy: its disk is full: make room"):
        await store.backup(small_disk / "copy")
    assert [path.name for path in files(small_disk)] == ["other"]
    # It was the other disk: here all goes on.
    assert len(await store.load_messages(INBOX)) == 4999
    await store.apply_listing(ListingChange(INBOX, ONE, listed(5000)), namer())


async def test_damage_is_not_copied(store: Store, tmp_path: Path, target: Path) -> None:
    await fill(store, *range(1, 2000))
    async with open_store(tmp_path / "damaged") as damaged:
        await fill(damaged, *range(1, 2000))
    with (tmp_path / "damaged" / DATABASE).open("r+b") as file:
        # The tables' first pages are sound, and what is behind them is not.
        octets = file.seek(0, os.SEEK_END)
        file.seek(octets // 2)
        file.write(os.urandom(octets // 4))
    async with open_store(tmp_path / "damaged") as damaged:
        with pytest.raises(StoreUnavailable, match=f"damaged/{DATABASE}: it is damaged"):
            await damaged.backup(target)
    assert files(target.parent) == []
    await store.backup(target)


async def test_what_a_crash_left_of_an_earlier_copy_is_no_hindrance(store: Store, target: Path) -> None:
    target.with_name(f".{target.name}.part").write_text("half a copy")
    await fill(store, 1)
    await store.backup(target)
    assert [path.name for path in files(target.parent)] == ["copy.sqlite3"]
    async with open_store(put_in_place(target)) as copy:
        assert uids(await copy.load_messages(INBOX)) == [1]
