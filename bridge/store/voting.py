"""What devices with `delete_when = "all"` agree on: nothing is done before all that were shown a message let it go."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from bridge.model.names import DeviceId

_ACTIONS = ("hide", "seen", "flag", "archive", "trash", "expunge")
"""From the mildest to the strongest."""

_ALL_VOTES = (
    "SELECT id, entry, device, action, due - made_at, mailbox, uidvalidity, uid, size, content FROM intents"
    " WHERE state = 'voting' ORDER BY entry, made_at, id"
)
_VOTES = (
    "SELECT i.id, i.entry, i.device, i.action, i.due - i.made_at, i.mailbox, i.uidvalidity, i.uid, i.size, i.content"
    " FROM json_each(?) asked CROSS JOIN intents i ON i.entry = asked.value AND i.state = 'voting'"
    " ORDER BY i.entry, i.made_at, i.id"
)
# Who was shown the message and has not let it go, or has, and its owner is still to confirm it.
_SILENT = (
    "SELECT asked.value FROM json_each(?1) asked CROSS JOIN json_each(?2) voter"
    " CROSS JOIN receipts r ON r.device = voter.value AND r.entry = asked.value AND r.announced_at IS NOT NULL"
    " LEFT JOIN hides h ON h.device = r.device AND h.entry = r.entry AND h.rule IN ('delete', 'retrieve')"
    " WHERE h.entry IS NULL UNION SELECT i.entry FROM json_each(?1) asked"
    " CROSS JOIN intents i ON i.entry = asked.value AND i.state = 'held'"
    " WHERE i.device IN (SELECT value FROM json_each(?2))"
)
# A device that deleted without asking for anything upstream wants it only hidden; hiding what was fetched says nothing.
_SAID = (
    "SELECT i.entry, i.device, i.action, i.id, i.state <> 'done' FROM json_each(?1) asked CROSS JOIN intents i"
    " ON i.entry = asked.value AND i.state IN ('waiting', 'voting', 'done')"
    " WHERE i.device IN (SELECT value FROM json_each(?2)) UNION ALL"
    " SELECT h.entry, h.device, 'hide', 0, 0 FROM json_each(?1) asked CROSS JOIN json_each(?2) voter"
    " CROSS JOIN hides h ON h.device = voter.value AND h.entry = asked.value AND h.rule = 'delete'"
)
# The newest vote knows best where the message lies.
_WAIT = (
    "UPDATE intents SET state = 'waiting', agreed = id, due = ?, mailbox = ?, uidvalidity = ?, uid = ?, size = ?,"
    " content = ? WHERE id = ?"
)
_LAPSE = (
    "UPDATE intents SET state = 'lapsed', agreed = ?, note = ?, settled_at = ? WHERE entry = ? AND state = 'voting'"
)


class _Vote(NamedTuple):
    id: int
    entry: int
    device: int
    action: str
    window: float
    place: tuple[object, ...]


class _Agreement(NamedTuple):
    """What is to be done, and which intent says so, 0 for none."""

    action: str
    by: int


def evaluate(
    db: sqlite3.Connection, electorate: Sequence[DeviceId], entries: Iterable[int] | None, due: float | None, now: float
) -> int:
    """See what devices agree on by now, of these entries or of all; gives how many intents wait from now on.

    What was agreed on is due at `due`; None means as long after `now` as the votes themselves would have waited.
    """
    voters = _rows(db, electorate)
    rows = db.execute(_ALL_VOTES) if entries is None else db.execute(_VOTES, (json.dumps(list(entries)),))
    cast = _cast(rows, voters)
    waiting = 0
    for entry, agreement in _agreements(db, list(cast), voters).items():
        votes = cast[entry]
        winner = next((vote for vote in reversed(votes) if vote.action == agreement.action), None)
        if winner is not None:
            when = now + min(vote.window for vote in votes) if due is None else due
            db.execute(_WAIT, (when, *votes[-1].place, winner.id))
            waiting += 1
        _lapse(db, entry, agreement if winner is None else agreement._replace(by=winner.id), now)
    return waiting


def _rows(db: sqlite3.Connection, electorate: Sequence[DeviceId]) -> list[int]:
    sql = "SELECT id FROM devices WHERE name IN (SELECT value FROM json_each(?))"
    return [device for (device,) in db.execute(sql, (json.dumps(electorate),))]


def _cast(rows: Iterable[tuple[Any, ...]], voters: Sequence[int]) -> dict[int, list[_Vote]]:
    """Give the voters' votes by entry, in the order in which they were cast."""
    votes = defaultdict(list)
    for number, entry, device, action, window, *place in rows:
        if device in voters:
            votes[entry].append(_Vote(number, entry, device, action, window, tuple(place)))
    return votes


def _agreements(db: sqlite3.Connection, entries: Sequence[int], voters: Sequence[int]) -> dict[int, _Agreement]:
    """Of each device what it asks for most, and of the devices the mildest; nothing where one has not agreed.

    What is done already says so only where nothing is still to be done that could be called off.
    """
    asked, voting = json.dumps(entries), json.dumps(voters)
    silent = {entry for (entry,) in db.execute(_SILENT, (asked, voting))}
    said: dict[tuple[int, int], int] = {}
    by: dict[tuple[int, int], tuple[int, int]] = {}
    for entry, device, action, number, pending in db.execute(_SAID, (asked, voting)):
        if entry not in silent:
            rank = _ACTIONS.index(action)
            said[entry, device] = max(said.get((entry, device), 0), rank)
            by[entry, rank] = max(by.get((entry, rank), (0, 0)), (pending, number))
    mildest: dict[int, int] = {}
    for (entry, _), rank in said.items():
        mildest[entry] = min(mildest.get(entry, rank), rank)
    return {entry: _Agreement(_ACTIONS[rank], by[entry, rank][1]) for entry, rank in mildest.items()}


def _lapse(db: sqlite3.Connection, entry: int, agreement: _Agreement, now: float) -> None:
    note = f"all devices have let the message go, and agree on: {agreement.action}"
    if agreement.action == "hide":
        note = "all devices have let the message go, and one of them only hides it: nothing is done upstream"
    db.execute(_LAPSE, (agreement.by, note, now, entry))
