"""A wall clock that was set while popbridge ran: what waits in the database was written by another time."""

import sqlite3

_NAME = "clock_behind"


def note_clock(db: sqlite3.Connection, behind: float) -> None:
    """Write by how many seconds the wall clock is ahead of the time that the database is written by."""
    db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (_NAME, behind))


def follow_clock(db: sqlite3.Connection) -> float:
    """Go by the wall clock from now on: what waits goes on waiting as long as it would have, at least. Gives by how
    many seconds it was put off.
    """
    found = db.execute("DELETE FROM facts WHERE name = ? RETURNING value", (_NAME,)).fetchall()
    behind = max(0.0, *(float(value) for (value,) in found), 0.0)
    if behind:
        db.execute("UPDATE intents SET due = due + ? WHERE state = 'waiting'", (behind,))
        db.execute("UPDATE suspicions SET since = since + ?", (behind,))
    return behind
