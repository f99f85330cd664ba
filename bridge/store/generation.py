"""Which of the databases that were ever here this is: a number that each opening raises, in the database and then in
the marker beside it. A marker ahead of its database tells that the file is an older one, put back.
"""

import os
import re
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from bridge.model.failures import StoreUnavailable
from bridge.telemetry import instant

MARKER = "popbridge.state"

_MARK = (
    "popbridge has kept state in this directory. Do not delete this file: it tells when popbridge.sqlite3 is lost.\n"
    "Generation {:010} of it was opened last: an older popbridge.sqlite3 is taken for a restored backup.\n"
)
_MARKED = re.compile(rb"^Generation (\d{1,18}) ", re.MULTILINE)


def read_mark(marker: Path) -> int:
    """Give the generation that a marker names, 0 where it names none. Raises `StoreUnavailable`."""
    try:
        found = _MARKED.search(marker.read_bytes())
    except FileNotFoundError:
        return 0
    except OSError as failure:
        raise StoreUnavailable(f"{marker} cannot be read: {failure.strerror}") from failure
    return int(found[1]) if found else 0


def write_mark(marker: Path, generation: int) -> None:
    """Write the marker once the database is there, and see both names on the disk. Raises `OSError`.

    It is always as long as before, and written in place: that needs no room on a full disk, and is not done by halves.
    """
    descriptor = os.open(marker, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        # Someone else's file that we may write is an admin's choice, and not ours to change.
        with suppress(PermissionError):
            os.fchmod(descriptor, 0o600)
        os.pwrite(descriptor, _MARK.format(generation).encode(), 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_directory(marker.parent)


def sync_directory(directory: Path) -> None:
    """See the names in a directory on the disk. Raises `OSError`."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def begin_generation(db: sqlite3.Connection, marked: int) -> int:
    """Begin a generation of the database, in driver autocommit, and remember it as restored when it is behind its
    marker; gives what the marker may say now. One that never issued a unique-id has just been made, and is behind
    nothing.
    """
    db.execute("BEGIN IMMEDIATE")
    found: int = db.execute("SELECT coalesce(max(value), 0) FROM facts WHERE name = 'generation'").fetchone()[0]
    if found < marked and db.execute("SELECT 1 FROM issued_ids LIMIT 1").fetchone():
        db.execute("INSERT INTO facts VALUES ('restored', 1) ON CONFLICT DO NOTHING")
    generation = max(found, marked) + 1
    db.execute("INSERT OR REPLACE INTO facts VALUES ('generation', ?)", (generation,))
    db.execute("COMMIT")
    instant("store.generation")
    # Only what is in the file itself, and not in its log alone, can tell a log of another file later.
    _, logged, moved = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return generation if logged == moved else marked


def is_restored(db: sqlite3.Connection) -> bool:
    """Tell whether the database is a backup, or an older file, that was put back and not resumed."""
    return bool(db.execute("SELECT 1 FROM facts WHERE name = 'restored'").fetchone())


def resume(db: sqlite3.Connection) -> int:
    """Take the database for what it is from now on; gives how many waiting intents this releases."""
    if not db.execute("DELETE FROM facts WHERE name = 'restored' RETURNING 1").fetchall():
        return 0
    return int(db.execute("SELECT count(*) FROM intents WHERE state = 'waiting'").fetchone()[0])


def flag_copy(db: sqlite3.Connection) -> None:
    """Write into a copy that it is one, and that nobody opened it yet."""
    db.execute("INSERT INTO facts VALUES ('restored', 1), ('copied', 1) ON CONFLICT DO NOTHING")


def was_put_back(path: Path, marked: int) -> bool:
    """Tell whether the file is a copy that nobody opened yet, or older than its marker, and see to it that no log of
    another database lies beside it: SQLite would mix the two. The caller holds the lock, and nothing is open.

    A copy never had a log, so what is there is dropped. Raises `StoreUnavailable` for an older file with a log, since
    that may be its own; and `OSError`.
    """
    log, shared = (path.with_name(path.name + end) for end in ("-wal", "-shm"))
    generation, copied = _of_the_file_alone(path)
    older = 0 < generation < marked
    if copied:
        log.unlink(missing_ok=True)
        shared.unlink(missing_ok=True)
        sync_directory(path.parent)
    elif older and log.exists() and log.stat().st_size:
        raise StoreUnavailable(
            f"{path} is older than what was here before, and {log.name} may belong to the file it replaced: delete"
            f" {log.name}, or if it was put back with its file, write it into that first, by sqlite3's"
            " 'PRAGMA wal_checkpoint'"
        )
    return copied or older


def _of_the_file_alone(path: Path) -> tuple[int, bool]:
    """Give the generation that the file tells without its log, 0 if none, and whether it is a copy never opened."""
    if not path.exists() or not path.stat().st_size:
        return 0, False
    # A journal is left only by a crash while a file that was put back was taken on: SQLite undoes that first.
    how = "mode=rw" if path.with_name(path.name + "-journal").exists() else "mode=ro&immutable=1"
    uri = f"{path.absolute().as_uri()}?{how}"
    with suppress(sqlite3.Error), closing(sqlite3.connect(uri, uri=True)) as db:
        facts = dict(db.execute("SELECT name, value FROM facts").fetchall())
        return facts.get("generation", 0), "copied" in facts
    # Damage, or a file before the first checkpoint: opening it in the ordinary way tells more.
    return 0, False


def take_on(db: sqlite3.Connection, marked: int) -> None:
    """Make a file that was put back the database of its directory, in the driver's default isolation. Without a log,
    so that it is in the file at once: from now on a log beside it is its own.
    """
    db.execute("PRAGMA journal_mode = DELETE")
    with db:
        db.execute("INSERT INTO facts VALUES ('restored', 1) ON CONFLICT DO NOTHING")
        db.execute("UPDATE facts SET value = max(value, ?) WHERE name = 'generation'", (marked,))
        db.execute("DELETE FROM facts WHERE name = 'copied'")
