"""Undoing what a device's last sessions did: what is not done is cancelled, what was moved is to be moved back."""

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

from bridge.model.admin import Lost, Undone
from bridge.model.names import AccountId, DeviceId, EntrySeq, MailboxName, Uid, UidValidity
from bridge.model.places import MailboxKey
from bridge.model.update import BringBack, MovedTo
from bridge.store.naming import known_as
from bridge.store.rows import known_device
from bridge.store.withdrawing import call_off, withdraw

NOTE = "undone by its owner"

# All hides of one QUIT are of one moment. A session's name may come again in months, with its moment it does not.
_SESSIONS = (
    "SELECT hidden_at, session FROM hides WHERE device = ?1 AND rule IN ('delete', 'retrieve')"
    " UNION SELECT at, session FROM undone WHERE device = ?1 ORDER BY 1 DESC, 2 DESC LIMIT ?2"
)
_UNHIDE = (
    "DELETE FROM hides WHERE device = ? AND hidden_at = ? AND session = ? AND rule IN ('delete', 'retrieve')"
    " RETURNING entry"
)
_MADE = "SELECT id, entry FROM intents WHERE device = ? AND made_at = ? AND session = ?"
# What was done for the session alone, or by agreement with others.
_DONE = (
    "SELECT i.id, i.entry, a.name, m.name, i.size, i.content, i.action, i.note, i.target, i.target_uidvalidity,"
    " i.target_uid FROM intents i JOIN mailboxes m ON m.id = i.mailbox JOIN accounts a ON a.id = m.account"
    " WHERE (i.id IN (SELECT value FROM json_each(?)) OR i.when_all AND i.entry IN (SELECT value FROM json_each(?)))"
    " AND i.state IN ('done', 'returning') AND i.action IN ('archive', 'trash', 'expunge') ORDER BY i.id"
)


def undo(db: sqlite3.Connection, name: DeviceId, sessions: int, now: float) -> Undone:
    """Undo the last so many sessions that hid something. Those undone before count, and are not undone again."""
    device = known_device(db, name)
    if device is None:
        return Undone()
    last = [(device, *one) for one in db.execute(_SESSIONS, (device, max(sessions, 0)))]
    unhidden = [seq for one in last for (seq,) in db.execute(_UNHIDE, one).fetchall()]
    made = [row for one in last for row in db.execute(_MADE, one)]
    db.executemany("INSERT OR IGNORE INTO undone(device, at, session) VALUES (?, ?, ?)", last)
    intents = [intent for intent, _ in made]
    cancelled = withdraw(db, unhidden, NOTE, now) + call_off(db, intents, NOTE, now)
    done = _done(db, intents, {*unhidden, *(seq for _, seq in made)})
    back, lost = [_back(row) for row in done if row[-1] is not None], [row for row in done if row[-1] is None]
    db.executemany("UPDATE intents SET state = 'returning' WHERE id = ?", [(one.intent,) for one in back])
    return Undone(
        sessions=len(last),
        cancelled=cancelled,
        unhidden=[EntrySeq(seq) for seq in sorted(unhidden)],
        back=back,
        lost=[_lost(db, device, row) for row in lost],
    )


def _done(db: sqlite3.Connection, intents: Iterable[int], entries: Iterable[int]) -> list[tuple[Any, ...]]:
    return list(db.execute(_DONE, (json.dumps(list(intents)), json.dumps(list(entries)))))


def _back(row: tuple[Any, ...]) -> BringBack:
    intent, seq, account, mailbox, size, content, _, _, target, uidvalidity, uid = row
    source = MailboxKey(AccountId(account), MailboxName(mailbox))
    moved = MovedTo(MailboxName(target), UidValidity(uidvalidity), Uid(uid))
    return BringBack(intent, EntrySeq(seq), source, moved, size, content)


def _lost(db: sqlite3.Connection, device: int, row: tuple[Any, ...]) -> Lost:
    _, seq, _, _, _, _, action, note, *_ = row
    return Lost(known_as(db, device, seq), action, note)
