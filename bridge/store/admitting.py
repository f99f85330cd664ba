"""Writing what a login decided: before anything of it is shown."""

import json
import sqlite3

from bridge.model.devices import Admission, Succession, columns
from bridge.model.failures import StoreUnavailable
from bridge.store.loading import next_position
from bridge.store.naming import known_as, swap_names
from bridge.store.rows import device_row, logged_in, mailbox_rows

# The first announcement is the one that is remembered; a reset takes the position away and not the memory.
_KEEPING_THE_FIRST = (
    " ON CONFLICT(device, entry) DO UPDATE SET"
    " position = excluded.position, date = excluded.date, announced_at = coalesce(announced_at, excluded.announced_at),"
    " announced_in = CASE WHEN announced_at IS NULL THEN excluded.announced_in ELSE announced_in END"
    " WHERE position IS NULL"
)
_RECEIPT = "INSERT INTO receipts(device, entry, announced_at, session, announced_in, position, date)"
_ANNOUNCE_ONE = _RECEIPT + " VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6)" + _KEEPING_THE_FIRST

# One statement for all: SQLite then goes from row to row without Python, which is free for other threads meanwhile. Of
# each number the higher half is an entry, the lower one its date.
_FROM_NUMBERS = " SELECT ?1, value >> 32, ?2, ?3, ?3, ?4 + key, value & 0xffffffff FROM json_each(?5) WHERE true"
_ANNOUNCE = _RECEIPT + _FROM_NUMBERS + _KEEPING_THE_FIRST


def commit_admission(db: sqlite3.Connection, admission: Admission) -> None:
    """Write an admission whole. Raises `StoreUnavailable` when it was decided on old knowledge of the device."""
    device = device_row(db, admission.device)
    expected = next_position(db, device)
    if admission.first_position != expected:
        raise _stale(admission, f"it counts on position {admission.first_position}, and {expected} is the next")
    _hide(db, device, admission)
    db.executemany(
        "INSERT INTO duplicates(device, entry, original) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET original = excluded.original",
        [(device, copy, original) for copy, original in admission.duplicates],
    )
    for succession in admission.succeed:
        _succeed(db, device, admission, succession)
    _announce(db, device, admission)
    _show(db, device, admission)
    # The history has it later, and not at all after a crash.
    logged_in(db, [(admission.at, device)])


def _stale(admission: Admission, what: str) -> StoreUnavailable:
    return StoreUnavailable(
        f"what a login of device {admission.device} decided does not go with what was written of it meanwhile ({what}),"
        " so nothing of it was written"
    )


def _hide(db: sqlite3.Connection, device: int, admission: Admission) -> None:
    db.executemany(
        "INSERT INTO hides(device, entry, hidden_at, rule, session) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [(device, seq, admission.at, rule, admission.session) for seq, rule in admission.hide],
    )


def _announce(db: sqlite3.Connection, device: int, admission: Admission) -> None:
    if not admission.announce:
        return
    rows = json.dumps([seq << 32 | date for seq, date in zip(*columns(admission.announce), strict=True)])
    written = db.execute(_ANNOUNCE, (device, admission.at, admission.session, admission.first_position, rows))
    if written.rowcount != len(admission.announce):
        raise _stale(admission, "something that it announces has its position already")


def _succeed(db: sqlite3.Connection, device: int, admission: Admission, what: Succession) -> None:
    """Put a copy where its original was. Whatever else was a copy of the original is now one of the copy."""
    found = db.execute(
        "SELECT position, date FROM receipts r WHERE device = ?1 AND entry = ?2 AND position IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM hides WHERE device = ?1 AND entry IN (?2, ?3))",
        (device, what.original, what.copy),
    ).fetchone()
    name = known_as(db, device, what.original)
    if found is None or what.uidl not in ("", name):
        raise _stale(admission, "a copy is to take a place that is not there to be taken")
    db.execute("UPDATE receipts SET position = NULL WHERE device = ? AND entry = ?", (device, what.original))
    row = (device, what.copy, admission.at, admission.session, *found)
    if db.execute(_ANNOUNCE_ONE, row).rowcount != 1:
        raise _stale(admission, "a copy that is to take its original's place has one of its own")
    db.execute("DELETE FROM duplicates WHERE device = ? AND entry = ?", (device, what.copy))
    db.execute(
        "UPDATE duplicates SET original = ? WHERE device = ? AND original = ?", (what.copy, device, what.original)
    )
    swap_names(db, device, what.original, what.copy)


def _show(db: sqlite3.Connection, device: int, admission: Admission) -> None:
    db.executemany(
        "INSERT INTO device_sources(device, mailbox, first_shown) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET first_shown = coalesce(first_shown, excluded.first_shown)",
        [(device, row, admission.at) for row in mailbox_rows(db, admission.shown).values()],
    )
