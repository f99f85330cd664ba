"""Taking hold of the state directory: lock, marker, database, migrations."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlite_utils import Database

from bridge.model.failures import StoreLocked, StoreMissing, StoreNewer, StoreUnavailable
from bridge.store.schema import VERSION, migrations
from bridge.telemetry import instant

DATABASE = "popbridge.sqlite3"
LOCK = "popbridge.lock"
MARKER = "popbridge.state"


@contextmanager
def state_lock(state_dir: Path) -> Iterator[None]:
    """Hold the state directory alone for the block. Raises `StoreLocked`."""
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(state_dir / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as failure:
        raise StoreUnavailable(f"the state directory {state_dir} cannot be used: {failure.strerror}") from failure
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as failure:
            holder = os.pread(lock, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise StoreLocked(f"{state_dir} is held by another popbridge, process {holder}") from failure
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d\n" % os.getpid(), 0)
        yield
    finally:
        os.close(lock)


def open_database(state_dir: Path, *, new_state: bool) -> sqlite3.Connection:
    """Open and migrate the database; the caller holds the lock. Raises the `StoreError` that fits."""
    path, marker = state_dir / DATABASE, state_dir / MARKER
    if not path.exists() and marker.exists() and not new_state:
        raise StoreMissing(
            f"{path} is gone, but there was state here before: restore it from a backup, or start empty with --new-state"
        )
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        path.chmod(0o600)
        connection = _prepared(path)
        os.close(os.open(marker, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except (sqlite3.Error, OSError) as failure:
        raise StoreUnavailable(f"{path} cannot be opened: {failure}; if it is damaged, restore a backup") from failure
    return connection


def _prepared(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False, timeout=5)
    try:
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found > VERSION:
            raise StoreNewer(f"{path} has schema {found}, this popbridge knows {VERSION}: use the newer popbridge")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        if found < VERSION:
            migrations.apply(Database(connection))
            connection.execute(f"PRAGMA user_version={VERSION}")
            connection.commit()
            instant("store.migrated")
    except BaseException:
        connection.close()
        raise
    connection.isolation_level = None
    return connection


@contextmanager
def reading(state_dir: Path) -> Iterator[sqlite3.Connection]:
    """Read the database without a daemon, under the lock. Raises `StoreLocked` or `StoreUnavailable`."""
    path = state_dir / DATABASE
    if not path.exists():
        raise StoreUnavailable(f"there is no database in {state_dir} yet: nothing has run here")
    with state_lock(state_dir):
        try:
            with closing(sqlite3.connect(path)) as connection:
                connection.execute("PRAGMA query_only=1")
                yield connection
        except sqlite3.Error as failure:
            raise StoreUnavailable(f"{path} cannot be read: {failure}") from failure
