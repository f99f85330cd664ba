"""A database that was put back, whatever way: its intents wait for their owner's word, no other's log is mixed in."""

import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.model.failures import StoreUnavailable
from bridge.model.names import MailboxName, Uid
from bridge.model.places import ListingChange
from bridge.model.update import MovedTo
from bridge.store import Store, open_store, read_offline
from bridge.store.generation import MARKER, read_mark
from bridge.store.opening import DATABASE, LOCK
from tests.store.support import FAX, INBOX, ONE, files, listed, namer, plan, trash, uids, whole
from tests.store.test_crash import crash

FIRST_MARK = (
    "popbridge has kept state in this directory. Do not delete this file: it tells when popbridge.sqlite3 is lost.\n"
)


async def live_on(store: Store) -> None:
    """Have one more message come, and be promised to be moved to the trash."""
    known = await store.load_messages(INBOX)
    uid = len(known) + 1
    change = ListingChange(INBOX, ONE, listed(uid), state=whole(uid, uid + 1))
    [row] = await store.apply_listing(change, namer())
    await store.commit_update(replace(plan(FAX, 5.0, [row.seq]), intents=(trash(row.seq, uid, 10.0),)))


def kept(state_dir: Path) -> Path:
    return state_dir.with_name("kept.sqlite3")


async def live(state_dir: Path) -> None:
    async with open_store(state_dir) as store:
        await live_on(store)


async def keep(state_dir: Path) -> None:
    """Copy the file, as nobody should, while nothing runs."""
    shutil.copy(state_dir / DATABASE, kept(state_dir))


async def backup(state_dir: Path) -> None:
    kept(state_dir).unlink(missing_ok=True)
    async with open_store(state_dir) as store:
        await store.backup(kept(state_dir))


async def put_back(state_dir: Path) -> None:
    shutil.copy(kept(state_dir), state_dir / DATABASE)


async def unmark(state_dir: Path) -> None:
    (state_dir / MARKER).unlink()


async def mark_as_the_first_release_did(state_dir: Path) -> None:
    (state_dir / MARKER).write_text(FIRST_MARK)


async def lose(state_dir: Path) -> None:
    (state_dir / DATABASE).unlink()


async def begin_anew(state_dir: Path) -> None:
    async with open_store(state_dir, new_state=True) as store:
        await live_on(store)


async def resume(state_dir: Path) -> None:
    async with open_store(state_dir) as store:
        await store.resume()


Step = Callable[[Path], Awaitable[None]]

LIVES: list[tuple[str, list[Step], bool]] = [
    ("a fresh start", [live], False),
    ("a restart", [live, live], False),
    ("an older file put back", [live, keep, live, put_back], True),
    ("an older file put back, and restarts", [live, keep, live, put_back, live, live], True),
    ("the very file put back", [live, keep, put_back], False),
    ("an older file, and nothing to tell", [live, keep, live, unmark, put_back], False),
    ("a backup put back", [live, backup, live, put_back], True),
    ("a backup put back at once", [live, backup, put_back], True),
    ("a backup put back, its marker lost", [live, backup, unmark, put_back], True),
    ("a backup in an empty directory", [live, backup, lose, unmark, put_back], True),
    ("a backup put back, and restarts", [live, backup, put_back, live, live], True),
    ("a backup of a backup", [live, backup, put_back, resume, backup, put_back], True),
    ("the one that a backup was made of", [live, backup, live], False),
    ("resumed", [live, keep, live, put_back, resume], False),
    ("resumed, and restarts", [live, backup, put_back, resume, live, live], False),
    ("resumed, and the older file once more", [live, keep, live, put_back, resume, put_back], True),
    ("a marker of the first release", [live, mark_as_the_first_release_did, live], False),
    ("lost and begun anew", [live, live, lose, begin_anew], False),
    ("lost, begun anew, and the old one found", [live, keep, lose, begin_anew, put_back], True),
]


@pytest.mark.parametrize(("steps", "restored"), [life[1:] for life in LIVES], ids=[life[0] for life in LIVES])
async def test_what_was_put_back_holds_its_intents(tmp_path: Path, steps: list[Step], restored: bool) -> None:
    state_dir = tmp_path / "state"
    state_dir.mkdir()
    for step in steps:
        await step(state_dir)
    async with open_store(state_dir) as store:
        assert store.restored is restored
        assert (await store.overview())["restored"] is restored
        promised = len(await store.load_messages(INBOX))
        assert len(await store.due_intents(10.0, 99)) == (0 if restored else promised)
        assert await store.resume() == (promised if restored else 0)
        assert not store.restored
        assert len(await store.due_intents(10.0, 99)) == promised
        assert await store.resume() == 0
    async with open_store(state_dir) as store:
        assert not store.restored


async def test_what_was_undone_before_the_backup_waits_as_well(tmp_path: Path) -> None:
    """It may have been moved back since, and moved again."""
    state_dir = tmp_path / "state"
    state_dir.mkdir()
    await live(state_dir)
    async with open_store(state_dir) as store:
        [intent] = await store.due_intents(10.0, 9)
        await store.settle_intent(intent.id, "done", "", MovedTo(MailboxName("Trash"), ONE, Uid(5)))
        await store.undo(FAX, 1, 20.0)
        assert [each.intent for each in await store.returning()] == [intent.id]
        await store.backup(kept(state_dir))
    await put_back(state_dir)
    async with open_store(state_dir) as store:
        assert await store.returning() == []
        await store.resume()
        assert [each.intent for each in await store.returning()] == [intent.id]


async def test_the_marker_is_not_ahead_of_a_database_that_is_whole(tmp_path: Path) -> None:
    for generation in (1, 2, 3):
        await live(tmp_path)
        assert read_mark(tmp_path / MARKER) == generation
        assert (tmp_path / MARKER).read_text().startswith(FIRST_MARK)


@pytest.mark.parametrize("older", [False, True])
async def test_a_crash_between_database_and_marker(tmp_path: Path, older: bool) -> None:
    state_dir = tmp_path / "state"
    state_dir.mkdir()
    for step in (live, keep, live, *((put_back,) if older else ())):
        await step(state_dir)
    before = read_mark(state_dir / MARKER)
    assert crash(state_dir, "store.generation", 1) == []
    assert read_mark(state_dir / MARKER) == before
    async with open_store(state_dir) as store:
        assert store.restored is older


async def test_a_first_start_that_crashed_is_no_restored_backup(tmp_path: Path) -> None:
    await live(tmp_path)
    await live(tmp_path)
    await lose(tmp_path)
    # Begun anew, as with --new-state, and killed before it was said which generation this is.
    (tmp_path / MARKER).rename(tmp_path / "aside")
    assert crash(tmp_path, "store.migrated", 1) == []
    (tmp_path / "aside").rename(tmp_path / MARKER)
    async with open_store(tmp_path) as store:
        assert not store.restored


async def be_killed(state_dir: Path) -> None:
    """Leave file and log as a process leaves them that is killed after 50 more messages."""
    names = [DATABASE, f"{DATABASE}-wal"]
    async with open_store(state_dir) as store:
        for _ in range(50):
            await live_on(store)
        left = {name: (state_dir / name).read_bytes() for name in names}
    for name, octets in left.items():
        (state_dir / name).write_bytes(octets)


def contents(state_dir: Path) -> dict[str, bytes]:
    """Give what is in each file but the lock, which names whoever holds it."""
    return {path.name: path.read_bytes() for path in files(state_dir) if path.name != LOCK}


def sound(state_dir: Path) -> bool:
    with closing(sqlite3.connect(state_dir / DATABASE)) as db:
        return [row for (row,) in db.execute("PRAGMA integrity_check")] == ["ok"]


async def test_a_backup_is_not_mixed_with_the_log_of_what_it_replaces(tmp_path: Path) -> None:
    state_dir = tmp_path / "state"
    state_dir.mkdir()
    await live(state_dir)
    await backup(state_dir)
    await be_killed(state_dir)
    await put_back(state_dir)
    assert read_offline(state_dir)["totals"]["entries"] == 1
    async with open_store(state_dir) as store:
        assert uids(await store.load_messages(INBOX)) == [1]
        assert store.restored
        await live_on(store)
    assert sound(state_dir)


async def test_the_log_of_a_backup_that_lived_is_its_own(tmp_path: Path) -> None:
    state_dir = tmp_path / "state"
    state_dir.mkdir()
    await live(state_dir)
    await backup(state_dir)
    await put_back(state_dir)
    await be_killed(state_dir)
    async with open_store(state_dir) as store:
        assert len(await store.load_messages(INBOX)) == 51
        assert store.restored
    assert sound(state_dir)


async def test_an_older_file_beside_a_log_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    state_dir = tmp_path / "state"
    state_dir.mkdir()
    await live(state_dir)
    await keep(state_dir)
    await live(state_dir)
    await be_killed(state_dir)
    await put_back(state_dir)
    before = contents(state_dir)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match=f"older than what was here before, and {DATABASE}-wal"):
            async with open_store(state_dir):
                pass
    with pytest.raises(StoreUnavailable, match="older than what was here"):
        read_offline(state_dir)
    assert contents(state_dir) == before
    (state_dir / f"{DATABASE}-wal").unlink()
    async with open_store(state_dir) as store:
        assert uids(await store.load_messages(INBOX)) == [1]
        assert store.restored


async def test_a_crash_leaves_a_log_that_is_used(tmp_path: Path) -> None:
    for _ in range(3):
        await be_killed(tmp_path)
    async with open_store(tmp_path) as store:
        assert len(await store.load_messages(INBOX)) == len(await store.load_hides(FAX)) == 150


async def test_a_marker_that_is_none(tmp_path: Path) -> None:
    await live(tmp_path)
    (tmp_path / MARKER).unlink()
    (tmp_path / MARKER).symlink_to(tmp_path)
    with pytest.raises(StoreUnavailable, match=MARKER):
        async with open_store(tmp_path):
            pass
    (tmp_path / MARKER).unlink()
    async with open_store(tmp_path):
        pass
