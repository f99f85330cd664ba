"""From what SQLite says to a sentence that tells an owner what to do."""

import sqlite3
from pathlib import Path

from bridge.model.failures import StoreUnavailable

_PRIMARY = 0xFF
"""SQLite's extended result codes keep the primary one in their lowest octet."""

_FULL = "its disk is full: make room"

_ADVICE = {
    # What the log's index could not be made larger for; the other codes are the primary ones.
    sqlite3.SQLITE_IOERR_SHMSIZE: _FULL,
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: "it is read-only: give popbridge's user the right to write it, or mount its disk writable",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: look at the rights of the file and of its directory",
    sqlite3.SQLITE_PERM: "it may not be used: look at the rights of the file and of its directory",
    sqlite3.SQLITE_IOERR: "its disk gave an input/output error: look at the disk, then start popbridge again",
    sqlite3.SQLITE_CORRUPT: "it is damaged: stop popbridge, move the file away and restore a backup",
    sqlite3.SQLITE_NOTADB: "it is damaged or no database: stop popbridge, move the file away and restore a backup",
    sqlite3.SQLITE_BUSY: "another program holds it locked: close that program",
    sqlite3.SQLITE_CONSTRAINT: "it does not take the change",
}


def unavailable(failure: Exception, database: Path) -> StoreUnavailable:
    """Name a failure of SQLite, or of a value that SQLite cannot hold, as what it means for popbridge."""
    code = getattr(failure, "sqlite_errorcode", 0)
    advice = _ADVICE.get(code) or _ADVICE.get(code & _PRIMARY, "it could not be read or written")
    return StoreUnavailable(f"{database}: {advice} ({failure})")
