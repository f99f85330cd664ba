"""What `device show` tells from the database, ready for JSON. Times are Unix seconds."""

import sqlite3

from bridge.model.names import DeviceId
from bridge.store.loading import next_position
from bridge.store.rows import Facts, known_device, one_moment, query

SESSIONS = 5
"""Rows of the history, and sessions that hid something: what an owner may still remember."""

PENDING = 50
"""Upstream actions told one by one; the rest are in the counts."""

_COUNTS = """
SELECT d.first_login, d.last_login,
  (SELECT count(*) FROM receipts r JOIN entries e ON e.seq = r.entry AND e.gone_at IS NULL
   WHERE r.device = d.id AND r.position IS NOT NULL
   AND NOT EXISTS (SELECT 1 FROM hides h WHERE h.device = d.id AND h.entry = r.entry)) AS announced,
  (SELECT count(*) FROM receipts WHERE device = d.id AND sent_at IS NOT NULL) AS sent,
  (SELECT count(*) FROM receipts WHERE device = d.id AND acknowledged_at IS NOT NULL) AS acknowledged,
  (SELECT count(*) FROM duplicates WHERE device = d.id) AS duplicates,
  (SELECT count(*) FROM aliases WHERE device = d.id) AS aliases,
  (SELECT min(made_at) FROM intents WHERE device = d.id AND state = 'held') AS held_since
FROM devices d WHERE d.id = ?"""

_HIDDEN = "SELECT rule AS name, count(*) AS count FROM hides WHERE device = ? GROUP BY rule ORDER BY rule"
_INTENTS = "SELECT state AS name, count(*) AS count FROM intents WHERE device = ? GROUP BY state ORDER BY state"

_SHOWN = """
SELECT a.name AS account, m.name AS mailbox, s.first_shown FROM device_sources s
JOIN mailboxes m ON m.id = s.mailbox JOIN accounts a ON a.id = m.account
WHERE s.device = ? AND s.first_shown IS NOT NULL ORDER BY a.name, m.name"""

_SESSIONS = """
SELECT session, peer, started, ended, retr, top, dele, octets, reason
FROM sessions WHERE device = ? ORDER BY ended DESC, id DESC LIMIT ?"""

_HID = """
SELECT session, at, sum(hidden) AS hidden, max(undone) AS undone FROM (
  SELECT session, hidden_at AS at, 1 AS hidden, 0 AS undone FROM hides
  WHERE device = ?1 AND rule IN ('delete', 'retrieve')
  UNION ALL SELECT session, at, 0, 1 FROM undone WHERE device = ?1)
GROUP BY at, session ORDER BY at DESC, session DESC LIMIT ?2"""

_PENDING = """
SELECT coalesce((SELECT uidl FROM aliases WHERE device = i.device AND entry = i.entry), e.uidl) AS uidl,
  i.action, i.state, i.due, i.tries, i.note, i.made_at, i.session
FROM intents i JOIN entries e ON e.seq = i.entry
WHERE i.device = ? AND (i.state IN ('waiting', 'held', 'returning') OR i.state = 'voting' AND e.gone_at IS NULL)
ORDER BY i.made_at, i.id LIMIT ?"""

_NOTHING: Facts = {
    "first_login": None,
    "last_login": None,
    "announced": 0,
    "sent": 0,
    "acknowledged": 0,
    "duplicates": 0,
    "aliases": 0,
    "held_since": None,
}


def show_device(db: sqlite3.Connection, name: DeviceId) -> Facts:
    """Give what is known of a device; of one that was never seen, that there is nothing.

    `announced` are shown and live; `hidden` counts by rule, `intents` by state; `next_position` is how many messages
    it was ever shown, and `shown` in which mailboxes; `sessions` are its last, newest first, `hid` those of them that
    hid something, as `undo` counts them; `pending` are upstream actions that are not done yet.
    """
    with one_moment(db):
        device = known_device(db, name)
        here = 0 if device is None else device
        return {
            "name": name,
            **next(iter(query(db, _COUNTS, here)), _NOTHING),
            "next_position": next_position(db, here),
            "hidden": _by_name(db, _HIDDEN, here),
            "intents": _by_name(db, _INTENTS, here),
            "pending": query(db, _PENDING, here, PENDING),
            "shown": query(db, _SHOWN, here),
            "sessions": query(db, _SESSIONS, here, SESSIONS),
            "hid": [{**row, "undone": bool(row["undone"])} for row in query(db, _HID, here, SESSIONS)],
        }


def _by_name(db: sqlite3.Connection, sql: str, device: int) -> dict[str, int]:
    return {row["name"]: row["count"] for row in query(db, sql, device)}
