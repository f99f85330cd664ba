"""Taking hold of the state directory: lock, marker, database, migrations."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from sqlite_utils import Database

from bridge.model.failures import StoreLocked, StoreMissing, StoreNewer, StoreUnavailable
from bridge.store.failing import unavailable
from bridge.store.generation import MARKER, begin_generation, read_mark, take_on, was_put_back, write_mark
from bridge.store.schema import VERSION, migrations
from bridge.telemetry import instant

DATABASE = "popbridge.sqlite3"
LOCK = "popbridge.lock"

BUSY_SECONDS = 5.0
"""How long SQLite waits for a program that is none of ours, say someone's `sqlite3`, to let go of the file."""

CHECKPOINT_PAGES = 4000
"""Pages of 4 KiB in the write-ahead log after which a commit moves them into the file, and waits for the disk again.
A first listing of 30,000 messages comes before that.
"""

WAL_OCTETS = 64 * 1024 * 1024
"""What the write-ahead log is cut back to after a checkpoint: a first listing of 100,000 messages fits."""


def take_lock(state_dir: Path) -> int:
    """Lock the state directory, made when missing; gives the descriptor that holds the lock until it is closed.

    Raises `StoreLocked`, which names the process that has it, or `StoreUnavailable`.
    """
    try:
        if not state_dir.exists():
            state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            state_dir.chmod(0o700)
        lock = _private(state_dir / LOCK)
    except OSError as failure:
        raise StoreUnavailable(f"the state directory {state_dir} cannot be used: {failure.strerror}") from failure
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d\n" % os.getpid(), 0)
    except BlockingIOError as failure:
        holder = os.pread(lock, 32, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(lock)
        raise StoreLocked(f"{state_dir} is held by another popbridge, process {holder}") from failure
    except OSError as failure:
        os.close(lock)
        raise StoreUnavailable(f"{state_dir / LOCK} cannot be used: {failure.strerror}") from failure
    return lock


def open_database(state_dir: Path, *, new_state: bool) -> sqlite3.Connection:
    """Open and migrate the database, in driver autocommit; the caller holds the lock.

    With `new_state` a lost database is begun anew; one that is there is never touched by it. Raises `StoreMissing`,
    `StoreNewer` or `StoreUnavailable`; what was there is then as it was.
    """
    path, marker = state_dir / DATABASE, state_dir / MARKER
    try:
        lost = marker.exists() and not new_state
        if lost and not (path.exists() and path.stat().st_size):
            raise _missing(path)
        os.close(_private(path))
        _keep_private(path)
        marked = read_mark(marker)
        connection = _prepared(path, lost, marked if was_put_back(path, marked) else None)
    except sqlite3.Error as failure:
        raise unavailable(failure, path) from failure
    except OSError as failure:
        raise StoreUnavailable(
            f"{failure.filename or path} cannot be opened for writing: {failure.strerror}"
        ) from failure
    with ExitStack() as undo:
        undo.callback(connection.close)
        _begin(connection, path, marker, marked)
        undo.pop_all()
    return connection


def _begin(connection: sqlite3.Connection, path: Path, marker: Path, marked: int) -> None:
    """Begin a generation in the database, then in the marker: never the other way round."""
    try:
        write_mark(marker, begin_generation(connection, marked))
    except sqlite3.Error as failure:
        raise unavailable(failure, path) from failure
    except OSError as failure:
        raise StoreUnavailable(f"{marker} cannot be written: {failure.strerror}") from failure


def open_reader(state_dir: Path) -> sqlite3.Connection:
    """Open a connection that only reads and never checkpoints: two that write can damage the log of an old SQLite."""
    path = state_dir / DATABASE
    try:
        connection = sqlite3.connect(path, check_same_thread=False, timeout=BUSY_SECONDS, isolation_level=None)
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
    except sqlite3.Error as failure:
        raise unavailable(failure, path) from failure
    return connection


def must_exist(state_dir: Path) -> None:
    """See that there is a database, for those who should not begin one. Raises `StoreMissing` or `StoreUnavailable`."""
    path = state_dir / DATABASE
    if not path.exists():
        if (state_dir / MARKER).exists():
            raise _missing(path)
        raise StoreUnavailable(f"there is no database in {state_dir}: popbridge has not run with it yet")


@contextmanager
def reading(state_dir: Path) -> Iterator[sqlite3.Connection]:
    """Read the database without a daemon, under the lock.

    Raises `StoreLocked` when the daemon runs, `StoreMissing`, `StoreNewer`, or `StoreUnavailable`.
    """
    path = state_dir / DATABASE
    must_exist(state_dir)
    lock = take_lock(state_dir)
    try:
        _keep_private(path)
        was_put_back(path, read_mark(state_dir / MARKER))
        with closing(open_reader(state_dir)) as connection:
            if _version(connection, path) < VERSION:
                raise StoreUnavailable(f"{path} is older than this popbridge: start the daemon once to bring it up")
            yield connection
    except sqlite3.Error as failure:
        raise unavailable(failure, path) from failure
    except OSError as failure:
        raise StoreUnavailable(f"{path} cannot be read: {failure.strerror}") from failure
    finally:
        os.close(lock)


def _prepared(path: Path, lost: bool, put_back: int | None) -> sqlite3.Connection:
    """Open and migrate. `put_back` is the marker's generation for a file that is not the one that was here."""
    # sqlite-utils needs the driver's default isolation for its transactions; the writer begins its own.
    connection = sqlite3.connect(path, check_same_thread=False, timeout=BUSY_SECONDS)
    with ExitStack() as undo:
        undo.callback(connection.close)
        found = _version(connection, path)
        if lost and not found:
            raise _missing(path)
        if put_back is not None:
            take_on(connection, put_back)
        if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
            raise StoreUnavailable(f"{path} is on a file system where SQLite cannot keep a write-ahead log")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA recursive_triggers = ON")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_OCTETS}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        if found < VERSION:
            migrations.apply(Database(connection, execute_plugins=False))
            instant("store.migrated")
        undo.pop_all()
    connection.isolation_level = None
    return connection


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """Give the database's schema, 0 for an empty one. Raises `StoreNewer`."""
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if found > VERSION:
        raise StoreNewer(
            f"{path} has schema {found} and this popbridge knows schemas up to {VERSION}: use the newer popbridge"
        )
    return found


def _missing(path: Path) -> StoreMissing:
    return StoreMissing(
        f"{path} is gone, but there was state here before: restore a backup, or start empty with --new-state"
    )


def _private(path: Path) -> int:
    """Open a file for reading and writing, made when missing, for its owner alone whatever the umask."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with ExitStack() as undo:
        undo.callback(os.close, descriptor)
        # Someone else's file that we may write is an admin's choice, and not ours to change.
        with suppress(PermissionError):
            os.fchmod(descriptor, 0o600)
        undo.pop_all()
    return descriptor


def _keep_private(path: Path) -> None:
    """Close to others what is there already: new log and shared memory take the database's mode."""
    others = (path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm"), path.with_name(MARKER))
    for name in (path, *others):
        if name.exists():
            os.close(_private(name))
