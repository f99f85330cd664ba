"""Taking back what was agreed on while it is not done yet, when a device does not agree any more."""

import json
import sqlite3
from collections.abc import Iterable

# Votes, and what became of them as long as that is not carried out: whether something is called off by taking them
# back, and whether their device still has the message hidden.
_OPEN = (
    "SELECT i.id, i.state <> 'lapsed' OR w.state = 'waiting', h.entry IS NOT NULL FROM json_each(?) asked"
    " CROSS JOIN intents i ON i.entry = asked.value LEFT JOIN intents w ON w.id = i.agreed"
    " LEFT JOIN hides h ON h.device = i.device AND h.entry = i.entry AND h.rule IN ('delete', 'retrieve')"
    " WHERE i.when_all AND (i.state = 'voting'"
    " OR i.state IN ('waiting', 'lapsed') AND (i.agreed = 0 OR w.state IN ('waiting', 'cancelled')))"
)
_AGREED_ON = (
    "SELECT i.id, h.entry IS NOT NULL FROM intents i"
    " LEFT JOIN hides h ON h.device = i.device AND h.entry = i.entry AND h.rule IN ('delete', 'retrieve')"
    " WHERE i.entry = (SELECT entry FROM intents WHERE id = ?1) AND i.when_all"
    " AND (i.id = ?1 OR i.agreed = ?1 AND i.state = 'lapsed')"
)
# A copy that was made on the way counts for nothing any more: the message is where it was.
_VOTE_AGAIN = (
    "UPDATE intents SET state = 'voting', agreed = NULL, note = '', settled_at = NULL, tries = 0, target = NULL,"
    " target_uidvalidity = NULL, target_uid = NULL WHERE id IN (SELECT value FROM json_each(?))"
)
_CANCEL = (
    "UPDATE intents SET state = 'cancelled', note = ?, settled_at = ? WHERE id IN (SELECT value FROM json_each(?))"
)

_CALL_OFF = (
    "UPDATE intents SET state = 'cancelled', note = ?, settled_at = ? WHERE id IN (SELECT value FROM json_each(?))"
    " AND state IN ('waiting', 'held', 'voting')"
)


def withdraw(db: sqlite3.Connection, entries: Iterable[int], note: str, now: float) -> int:
    """Take back the votes on these entries behind which there is no hide any more, and let the others wait again for
    everyone's agreement. What is carried out already stays. Gives how many were called off.
    """
    found = list(db.execute(_OPEN, (json.dumps(list(entries)),)))
    _cancel(db, (number for number, _, hides in found if not hides), note, now)
    _vote_again(db, (number for number, _, hides in found if hides))
    return sum(bool(pending) for _, pending, hides in found if not hides)


def brought_back(db: sqlite3.Connection, intent: int, now: float) -> None:
    """Write that what an intent did is undone. Devices that had agreed to it and still hide the message vote again."""
    found = list(db.execute(_AGREED_ON, (intent,)))
    _cancel(db, {intent, *(number for number, _ in found)}, "brought back", now)
    _vote_again(db, (number for number, hides in found if hides))


def call_off(db: sqlite3.Connection, intents: Iterable[int], note: str, now: float) -> int:
    """Cancel what is not done yet of these; gives how many that were."""
    return db.execute(_CALL_OFF, (note, now, json.dumps(list(intents)))).rowcount


def _cancel(db: sqlite3.Connection, intents: Iterable[int], note: str, now: float) -> None:
    db.execute(_CANCEL, (note, now, json.dumps(list(intents))))


def _vote_again(db: sqlite3.Connection, intents: Iterable[int]) -> None:
    db.execute(_VOTE_AGAIN, (json.dumps(list(intents)),))
