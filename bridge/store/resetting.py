"""Beginning anew with a device: all is shown again (reset), or nothing is known of it any more (forget)."""

import json
import sqlite3
from collections import Counter

from bridge.model.admin import ForgetDone, ResetDone
from bridge.model.names import DeviceId
from bridge.store.rows import device_row, known_device
from bridge.store.withdrawing import call_off, withdraw

NOTE = "the device was reset"

# All that the device has to do with: what it was shown, what it has hidden, and what lies in the mailboxes that it is
# shown. Which of that lives, and which is no older than a moment: by the date that its server has of it where it was
# there when the mailbox was first shown, and by when it came where it came later, as a window goes.
_DATE = (
    "(SELECT CASE WHEN e.first_seen <= s.first_shown THEN l.date ELSE max(e.first_seen, l.date) END FROM locations l"
    " LEFT JOIN device_sources s ON s.device = ?1 AND s.mailbox = l.mailbox WHERE l.entry = e.seq"
    " ORDER BY l.gone_at IS NOT NULL, l.id DESC LIMIT 1)"
)
_ITS_OWN = (
    "SELECT e.seq, e.gone_at IS NULL, ?2 IS NULL OR " + _DATE + " >= ?2, h.rule FROM entries e"  # noqa: S608 - ours
    " LEFT JOIN hides h ON h.device = ?1 AND h.entry = e.seq WHERE e.seq IN"
    " (SELECT entry FROM receipts WHERE device = ?1 UNION SELECT entry FROM hides WHERE device = ?1"
    " UNION SELECT l.entry FROM device_sources s JOIN locations l ON l.mailbox = s.mailbox AND l.gone_at IS NULL"
    " WHERE s.device = ?1 AND s.first_shown IS NOT NULL)"
)
_REMEMBER = (
    "INSERT OR IGNORE INTO undone(device, at, session) SELECT DISTINCT device, hidden_at, session FROM hides"
    " WHERE device = ?1 AND rule IN ('delete', 'retrieve') AND entry IN (SELECT value FROM json_each(?2))"
)
_UNHIDE = "DELETE FROM hides WHERE device = ?1 AND entry IN (SELECT value FROM json_each(?2))"
_HIDE = (
    "INSERT INTO hides(device, entry, hidden_at, rule, session) SELECT ?1, value, ?3, 'start', '' FROM json_each(?2)"
    " WHERE true ON CONFLICT DO NOTHING"
)
_NUMBER_ANEW = "UPDATE receipts SET position = NULL, date = NULL WHERE device = ? AND position IS NOT NULL"
_PROMISED = (
    "SELECT id FROM intents WHERE device = ?1 AND state IN ('waiting', 'held', 'voting')"
    " AND entry IN (SELECT value FROM json_each(?2))"
)

_FORGET = (
    "DELETE FROM intents WHERE device = ? AND (state IN ('voting', 'held') OR state = 'lapsed' AND agreed IS NOT NULL)",
    "DELETE FROM receipts WHERE device = ?",
    "DELETE FROM hides WHERE device = ?",
    "DELETE FROM duplicates WHERE device = ?",
    "DELETE FROM aliases WHERE device = ?",
    "DELETE FROM device_sources WHERE device = ?",
    "DELETE FROM sessions WHERE device = ?",
    "DELETE FROM undone WHERE device = ?",
    "UPDATE devices SET first_login = NULL, last_login = NULL WHERE id = ?",
    "DELETE FROM devices WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM intents WHERE device = ?1)",
)
_PENDING = (
    "SELECT count(*) FILTER (WHERE state IN ('voting', 'held')), count(*) FILTER (WHERE state = 'waiting')"
    " FROM intents WHERE device = ?"
)


def reset(db: sqlite3.Connection, name: DeviceId, since: float | None, now: float) -> ResetDone:
    """Have a device's next login show it again what is upstream, from the first position on; with `since` only what
    was first seen or is dated no earlier. Unique-ids and aliases stay, and so does what was sent and acknowledged.
    """
    device = device_row(db, name)
    own = db.execute(_ITS_OWN, (device, since)).fetchall()
    again = json.dumps([seq for seq, _, new, _ in own if new])
    old = [(seq, lives) for seq, lives, new, _ in own if not new]
    db.execute(_REMEMBER, (device, again))
    db.execute(_UNHIDE, (device, again))
    db.execute(_HIDE, (device, json.dumps([seq for seq, _ in old]), now))
    db.execute(_NUMBER_ANEW, (device,))
    db.execute("DELETE FROM duplicates WHERE device = ?", (device,))
    promised = [intent for (intent,) in db.execute(_PROMISED, (device, again))]
    cancelled = withdraw(db, json.loads(again), NOTE, now) + call_off(db, promised, NOTE, now)
    return ResetDone(
        shown=sum(lives for _, lives, new, _ in own if new),
        hidden=sum(lives for _, lives in old),
        cancelled=cancelled,
        ruled=Counter(rule for _, lives, new, rule in own if lives and new and rule in ("search", "window")),
    )


def forget(db: sqlite3.Connection, name: DeviceId) -> ForgetDone:
    """Know nothing of a device any more. What is promised upstream was acknowledged, and is done all the same."""
    device = known_device(db, name)
    if device is None:
        return ForgetDone()
    votes, promised = db.execute(_PENDING, (device,)).fetchone()
    announced = "SELECT count(*) FROM receipts WHERE device = ? AND announced_at IS NOT NULL"
    done = ForgetDone(
        announced=db.execute(announced, (device,)).fetchone()[0],
        hidden=db.execute("SELECT count(*) FROM hides WHERE device = ?", (device,)).fetchone()[0],
        votes=votes,
        promised=promised,
    )
    for statement in _FORGET:
        db.execute(statement, (device,))
    return done
