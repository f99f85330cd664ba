"""Why a device sees a message, or does not: everything that is known, ready for JSON. Times are Unix seconds."""

import sqlite3
from collections.abc import Iterable

from bridge.model.names import DeviceId
from bridge.store.naming import find_uidl, known_as
from bridge.store.rows import Facts, known_device, one_moment, query

_ENTRY = "SELECT seq, uidl, first_seen, gone_at FROM entries WHERE seq = ?"
_LOCATIONS = (
    "SELECT a.name AS account, m.name AS mailbox, l.uid, l.uidvalidity, l.size, nullif(l.measured, -1) AS measured,"
    " l.date, l.gone_at FROM locations l JOIN mailboxes m ON m.id = l.mailbox JOIN accounts a ON a.id = m.account"
    " WHERE l.entry = ? ORDER BY l.id"
)
_RECEIPT = (
    "SELECT announced_at, announced_in, position, sent_at, acknowledged_at FROM receipts WHERE device = ? AND entry = ?"
)
_HIDE = "SELECT rule, hidden_at AS at, nullif(session, '') AS session FROM hides WHERE device = ? AND entry = ?"
_ALIAS = "SELECT uidl FROM aliases WHERE device = ? AND entry = ?"
_ORIGINAL = "SELECT original FROM duplicates WHERE device = ? AND entry = ?"
_INTENTS = (
    "SELECT d.name AS device, i.action, i.state, i.due, i.note, i.made_at, i.settled_at, i.when_all = 1 AS when_all,"
    " i.tries, i.target AS moved_to FROM intents i JOIN devices d ON d.id = i.device WHERE i.entry = ? ORDER BY i.id"
)
_OTHERS = (
    "SELECT d.name AS device, r.announced_at, h.rule AS hidden FROM devices d"
    " JOIN receipts r ON r.device = d.id AND r.entry = ?2 AND r.announced_at IS NOT NULL"
    " LEFT JOIN hides h ON h.device = d.id AND h.entry = ?2 WHERE d.id <> ?1 ORDER BY d.name"
)

_NEVER: Facts = {
    "announced_at": None,
    "announced_in": None,
    "position": None,
    "sent_at": None,
    "acknowledged_at": None,
}


def explain(db: sqlite3.Connection, name: DeviceId, what: str) -> Facts:
    """Give what is known of the messages that a unique-id names for a device, as `explain_entries` does."""
    found = find_uidl(db, name, what)
    return {"device": name, "asked": what, "entries": explain_entries(db, name, found)}


def explain_entries(db: sqlite3.Connection, name: DeviceId, seqs: Iterable[int]) -> list[Facts]:
    """Give what is known of entries, as a device has to do with them; those that there are, in the order asked for.

    `uidl` is an entry's own unique-id, `alias` the one that this device knows it by instead; `duplicate_of` the
    unique-id of what the device is shown in its place. `measured` is None until the octets were counted. `intents` are
    those of all devices, and `others` are the other devices that were shown the message.
    """
    with one_moment(db):
        device = known_device(db, name) or 0
        return [_entry(db, device, row) for seq in seqs for row in query(db, _ENTRY, seq)]


def _entry(db: sqlite3.Connection, device: int, entry: Facts) -> Facts:
    here = (device, entry["seq"])
    original = db.execute(_ORIGINAL, here).fetchone()
    intents = query(db, _INTENTS, entry["seq"])
    return {
        **entry,
        "alias": next((row["uidl"] for row in query(db, _ALIAS, *here)), None),
        "locations": query(db, _LOCATIONS, entry["seq"]),
        **next(iter(query(db, _RECEIPT, *here)), _NEVER),
        "hide": next(iter(query(db, _HIDE, *here)), None),
        "duplicate_of": None if original is None else known_as(db, device, original[0]),
        "intents": [{**intent, "when_all": bool(intent["when_all"])} for intent in intents],
        "others": query(db, _OTHERS, *here),
    }
