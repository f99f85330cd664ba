"""A copy of the database that can be put back, made while the daemon runs."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from bridge.model.failures import StoreUnavailable
from bridge.store.failing import unavailable
from bridge.store.generation import flag_copy, sync_directory

_DATABASES_OWN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def back_up(source: sqlite3.Connection, database: Path, target: Path) -> None:
    """Write a copy of one moment into a new file, for its owner alone, and see it on the disk. It is one file, and says
    of itself that it is a copy: whoever opens it holds its intents.

    Raises `StoreUnavailable`, and then there is no file.
    """
    try:
        with _new_file(target) as part:
            with closing(sqlite3.connect(part, isolation_level=None)) as copy:
                source.backup(copy)
                _check(copy, database)
                copy.execute("PRAGMA journal_mode = DELETE")
                flag_copy(copy)
            _sync(part)
    except sqlite3.Error as failure:
        its_own = getattr(failure, "sqlite_errorcode", 0) & 0xFF in _DATABASES_OWN
        raise unavailable(failure, database if its_own else target) from failure
    except FileExistsError as failure:
        raise StoreUnavailable(f"{target} is there already: name a file that is not") from failure
    except OSError as failure:
        raise StoreUnavailable(f"the backup {target} cannot be written: {failure.strerror}") from failure


def _check(copy: sqlite3.Connection, database: Path) -> None:
    """Refuse a copy of damage: the copy is page by page, and nobody looks into it until it is needed."""
    [(found,)] = copy.execute("PRAGMA quick_check(1)")
    if found != "ok":
        failure = sqlite3.DatabaseError(found)
        failure.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise unavailable(failure, database)


@contextmanager
def _new_file(target: Path) -> Iterator[Path]:
    """Give a file beside the target to write into, which gets the target's name when the block ends well. The name is
    taken at once, by an empty file: nobody mistakes that for a backup.
    """
    part = target.with_name(f".{target.name}.part")
    with ExitStack() as undo:
        _make(target)
        undo.callback(target.unlink)
        # One that a crash left: whoever has the target's name has this one's too.
        part.unlink(missing_ok=True)
        _make(part)
        undo.callback(part.unlink)
        yield part
        part.replace(target)
        undo.pop_all()
    sync_directory(target.parent)


def _make(path: Path) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
