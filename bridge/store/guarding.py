"""What the guard against mass deletion holds, until its owner confirms it or it lapses."""

import sqlite3

from bridge.model.names import DeviceId
from bridge.store.rows import known_device

_CONFIRM = (
    "UPDATE intents SET state = CASE when_all WHEN 0 THEN 'waiting' ELSE 'voting' END,"
    " due = CASE when_all WHEN 0 THEN ? ELSE due END WHERE device = ? AND state = 'held'"
)
_LAPSE = (
    "UPDATE intents SET state = 'lapsed', settled_at = ?, note = 'nobody confirmed it: the message is only hidden'"
    " WHERE state = 'held' AND made_at < ?"
)


def confirm(db: sqlite3.Connection, name: DeviceId, due: float) -> int:
    """Let go what is held of a device; a vote is then cast as if it had been all along."""
    return db.execute(_CONFIRM, (due, known_device(db, name))).rowcount


def lapse_held(db: sqlite3.Connection, before: float, now: float) -> int:
    """Give up what was held since before a Unix time."""
    return db.execute(_LAPSE, (now, before)).rowcount
