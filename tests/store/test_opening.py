"""Taking hold of a state directory, and refusing one that cannot be had."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import trio

from bridge.model.failures import StoreError, StoreLocked, StoreMissing, StoreNewer, StoreUnavailable
from bridge.store import inline, open_store, read_offline
from bridge.store.generation import MARKER
from bridge.store.opening import DATABASE, LOCK
from bridge.store.schema import VERSION
from tests.store.support import FAX, INBOX, allow, files, fill, mode, modes, plan

NOBODY = 65534


@contextmanager
def umask(bits: int) -> Iterator[None]:
    before = os.umask(bits)
    try:
        yield
    finally:
        os.umask(before)


async def refused(state_dir: Path, kind: type[StoreError], *, new_state: bool = False) -> str:
    """Give the sentence with which the directory is refused."""
    with pytest.raises(kind) as raised:
        async with open_store(state_dir, new_state=new_state):
            pass
    return str(raised.value)


@pytest.mark.parametrize("bits", [0, 0o022, 0o777])
async def test_files_are_their_owners_alone_whatever_the_umask(tmp_path: Path, bits: int) -> None:
    state_dir = tmp_path / "made" / "here"
    (tmp_path / "made").mkdir()
    with umask(bits):
        async with open_store(state_dir) as store:
            await fill(store, 1)
            assert mode(state_dir) == 0o700
            names = (DATABASE, DATABASE + "-wal", DATABASE + "-shm", LOCK, MARKER)
            assert modes(state_dir) == dict.fromkeys(names, 0o600)


async def test_files_that_were_open_to_others_are_closed_to_them(tmp_path: Path) -> None:
    async with open_store(tmp_path):
        pass
    allow(0o666, *files(tmp_path))
    (tmp_path / MARKER).unlink()
    async with open_store(tmp_path) as store:
        await fill(store, 1)
        assert set(modes(tmp_path).values()) == {0o600}


async def test_a_directory_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    allow(0o750, tmp_path)
    async with open_store(tmp_path):
        assert mode(tmp_path) == 0o750


async def test_pragmas_that_promises_rest_on(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        pragmas = ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers")
        assert [(await store._run(f"PRAGMA {name}"))[0][0] for name in pragmas] == ["wal", 2, 1, 1]
        reader = store._reader
        assert [reader.execute(f"PRAGMA {name}").fetchone()[0] for name in ("query_only", "wal_autocheckpoint")] == [
            1,
            0,
        ]


async def test_a_held_directory_is_refused_and_the_holder_named(tmp_path: Path, autojump_clock: object) -> None:
    async with open_store(tmp_path, runner=inline):
        assert await refused(tmp_path, StoreLocked) == (
            f"{tmp_path} is held by another popbridge, process {os.getpid()}"
        )
        with pytest.raises(StoreLocked):
            read_offline(tmp_path)


async def test_a_daemon_waits_for_a_look_that_is_soon_over(tmp_path: Path, autojump_clock: object) -> None:
    async def look(task_status: trio.TaskStatus[None]) -> None:
        async with open_store(tmp_path, runner=inline):
            task_status.started()
            await trio.sleep(1)

    async with trio.open_nursery() as nursery:
        await nursery.start(look)
        async with open_store(tmp_path, runner=inline) as store:
            assert await store.load_mailboxes() == []


async def test_a_newer_schema_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    async with open_store(tmp_path):
        pass
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 3}")
    before = (tmp_path / DATABASE).read_bytes()
    sentence = await refused(tmp_path, StoreNewer, new_state=True)
    assert f"schema {VERSION + 3} " in sentence
    assert f"up to {VERSION}:" in sentence
    with pytest.raises(StoreNewer):
        read_offline(tmp_path)
    assert (tmp_path / DATABASE).read_bytes() == before


@pytest.mark.parametrize("loss", ["unlinked", "emptied", "without tables"])
async def test_a_lost_database_is_noticed(tmp_path: Path, loss: str) -> None:
    async with open_store(tmp_path) as store:
        await fill(store, 1)
    database = tmp_path / DATABASE
    database.unlink()
    if loss == "emptied":
        database.touch()
    elif loss == "without tables":
        with closing(sqlite3.connect(database)) as db:
            db.execute("VACUUM")
    assert "--new-state" in await refused(tmp_path, StoreMissing)
    async with open_store(tmp_path, new_state=True) as store:
        assert await store.load_mailboxes() == []
    # From now on it is state like any other.
    database.unlink()
    await refused(tmp_path, StoreMissing)


async def test_new_state_does_not_touch_state_that_is_there(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await fill(store, 1)
        await store.commit_update(plan(FAX, 1.0, [(await store.load_messages(INBOX))[0].seq]))
    async with open_store(tmp_path, new_state=True) as store:
        assert len(await store.load_messages(INBOX)) == 1
        assert await store.load_hides(FAX) == [1]


@pytest.mark.parametrize("new_state", [False, True])
@pytest.mark.parametrize(
    "damage", [b"not a database at all, but long enough to look at" * 20, b"SQLite format 3\0" * 99]
)
async def test_a_damaged_database_says_what_to_do(tmp_path: Path, damage: bytes, new_state: bool) -> None:
    (tmp_path / DATABASE).write_bytes(damage)
    sentence = await refused(tmp_path, StoreUnavailable, new_state=new_state)
    assert "damaged" in sentence
    assert "restore a backup" in sentence
    assert (tmp_path / DATABASE).read_bytes() == damage
    with pytest.raises(StoreUnavailable, match="damaged"):
        read_offline(tmp_path)


async def test_damage_found_later_says_what_to_do(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await fill(store, *range(1, 2000))
    with (tmp_path / DATABASE).open("r+b") as file:
        octets = file.seek(0, os.SEEK_END)
        file.seek(4096)
        file.write(os.urandom(octets - 4096))
    with pytest.raises(StoreUnavailable, match="damaged"):
        async with open_store(tmp_path) as store:
            await store.load_messages(INBOX)


async def test_a_refused_directory_is_let_go(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"no database" * 100)
    await refused(tmp_path, StoreUnavailable)
    (tmp_path / DATABASE).unlink()
    async with open_store(tmp_path):
        pass


async def test_a_state_directory_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "cannot be used" in await refused(tmp_path / "file", StoreUnavailable)


@contextmanager
def unprivileged() -> Iterator[None]:
    """Be nobody for a while, where the tests run as root: rights mean nothing to root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_to_all(tmp_path: Path) -> Iterator[Path]:
    """Give a directory that anyone can reach: pytest's own are closed to others."""
    before = {path: mode(path) for path in tmp_path.parents if path.stat().st_uid == os.geteuid()}
    for path, bits in before.items():
        path.chmod(bits | 0o011)
    yield tmp_path
    for path, bits in before.items():
        path.chmod(bits)


async def test_a_database_that_may_not_be_written(open_to_all: Path) -> None:
    async with open_store(open_to_all):
        pass
    allow(0o555, open_to_all)
    (open_to_all / LOCK).chmod(0o666)
    (open_to_all / DATABASE).chmod(0o444)
    with unprivileged():
        sentence = await refused(open_to_all, StoreUnavailable)
    allow(0o755, open_to_all)
    assert f"{DATABASE} cannot be opened for writing: Permission denied" in sentence


async def test_a_directory_that_may_not_be_written(open_to_all: Path) -> None:
    allow(0o555, open_to_all)
    with unprivileged():
        sentence = await refused(open_to_all, StoreUnavailable)
    allow(0o755, open_to_all)
    assert sentence == f"the state directory {open_to_all} cannot be used: Permission denied"


async def test_what_the_block_raises_comes_out_as_it_was(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="mine"):
        async with open_store(tmp_path):
            raise LookupError("mine")
