"""Writing what one round of looks at an account's mailboxes found."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import NamedTuple

from bridge.model.names import EntrySeq, Uid, Uidl, UidValidity
from bridge.model.places import NO_IDENTITY, AccountChange, ListedMessage, MailboxChange, MailboxKey, StoredMessage
from bridge.store.places import (
    Found,
    OpenMailbox,
    append,
    at_places,
    end_all_but,
    end_entries,
    end_uids,
    insert_places,
    learn,
)
from bridge.store.rows import mailbox_row

UniqueId = Callable[[MailboxKey, UidValidity, Uid, int], Uidl]


@dataclass(frozen=True, slots=True)
class _Look:
    """One mailbox's part of the round."""

    mailbox: OpenMailbox
    change: MailboxChange


class _Known(NamedTuple):
    """What is known of an entry from a place where it lay."""

    uidl: Uidl
    seen: int
    size: int
    measured: int
    subject: int
    date: int
    content: str


def apply_refresh(
    db: sqlite3.Connection, change: AccountChange, unique_id: UniqueId, now: float
) -> dict[MailboxKey, list[StoredMessage]]:
    """Apply one round; gives each mailbox's rows of what was appended and inherited, in first-seen order.

    What goes and what is inherited comes first, for all mailboxes, so that an entry that moves is never gone.
    """
    looks = [_look(db, mailbox, now) for mailbox in change.mailboxes]
    ended = list(chain.from_iterable(_end(look) for look in looks))
    rows = {look.change.key: _inherit(look, ended) for look in looks} if _heirs(looks) else {}
    end_entries(db, ended, now)
    for look in looks:
        appended = _append(look, unique_id) if look.change.appended else {}
        rows[look.change.key] = rows.get(look.change.key, {}) | appended
    return {key: sorted(found.values()) for key, found in rows.items()}


def _look(db: sqlite3.Connection, change: MailboxChange, now: float) -> _Look:
    """Take a mailbox's state: it is listed whole, under this UIDVALIDITY."""
    state, row = change.state, mailbox_row(db, change.key)
    db.execute(
        "UPDATE mailboxes SET uidvalidity = ?, uidnext = ?, messages = ?, modseq = ?, listed_at = ? WHERE id = ?",
        (state.uidvalidity, state.uidnext, state.exists, state.modseq, now, row),
    )
    return _Look(OpenMailbox(db, row, state.uidvalidity, now), change)


def _end(look: _Look) -> list[int]:
    """End the places that vanished, and those under another UIDVALIDITY unless they linger; gives their entries."""
    ended = end_uids(look.mailbox, look.change.vanished) if look.change.vanished else []
    return ended if look.change.lingering else ended + end_all_but(look.mailbox, look.mailbox.uidvalidity)


def _heirs(looks: Iterable[_Look]) -> bool:
    """Tell whether anything is inherited. Raises ValueError where entries and places are not paired one to one."""
    pairs = [(entry, look.change.key, message.uid) for look in looks for entry, message in look.change.inherited]
    entries, places = {pair[0] for pair in pairs}, {pair[1:] for pair in pairs}
    if not len(entries) == len(places) == len(pairs):
        raise ValueError("an entry cannot be inherited by two places, nor a place inherit two")
    return bool(pairs)


def _inherit(look: _Look, ended: list[int]) -> dict[Uid, StoredMessage]:
    """Have new places take over the entries that the change names. An entry lies at one place at a time: what it still
    had elsewhere ends, and so does what another entry had here. An ended entry's number is added to `ended`.
    """
    mailbox, change = look.mailbox, look.change
    heirs = {message.uid: (entry, message) for entry, message in change.inherited}
    here = at_places(mailbox, heirs, "l.gone_at IS NULL")
    kept = {row.uid: row for _, row in here if row.seq == heirs[row.uid][0]}
    ended += end_uids(mailbox, (row.uid for _, row in here if row.uid not in kept))
    coming = [heir for uid, heir in heirs.items() if uid not in kept]
    _end_elsewhere(mailbox, [entry for entry, _ in coming])
    known = _known(mailbox.db, [entry for entry, _ in coming])
    new = [_successor(entry, message, known, change.contents.get(message.uid, "")) for entry, message in coming]
    insert_places(mailbox, new)
    mailbox.db.execute(
        "UPDATE entries SET gone_at = NULL WHERE seq IN (SELECT value FROM json_each(?)) AND gone_at IS NOT NULL",
        (json.dumps([row.seq for row in new]),),
    )
    lines = {uid: message for uid, (_, message) in heirs.items()}
    return learn(mailbox, kept, lines, change.contents) | {row.uid: row for row in new}


def _end_elsewhere(mailbox: OpenMailbox, entries: Sequence[EntrySeq]) -> None:
    mailbox.db.execute(
        "UPDATE locations SET gone_at = ? WHERE entry IN (SELECT value FROM json_each(?)) AND gone_at IS NULL",
        (mailbox.now, json.dumps(entries)),
    )


def _known(db: sqlite3.Connection, entries: Sequence[EntrySeq]) -> dict[EntrySeq, _Known]:
    """Give what is known of entries from their last places."""
    rows = db.execute(
        "SELECT e.seq, e.uidl, CAST(e.first_seen AS INTEGER), l.size, l.measured, l.subject, l.date,"
        " l.content_identity FROM json_each(?) AS asked CROSS JOIN entries AS e ON e.seq = asked.value"
        " JOIN locations AS l ON l.entry = e.seq ORDER BY l.gone_at, l.id",
        (json.dumps(entries),),
    )
    return {EntrySeq(row[0]): _Known._make(row[1:]) for row in rows}


def _successor(entry: EntrySeq, line: ListedMessage, known: dict[EntrySeq, _Known], content: str) -> StoredMessage:
    """Give the row of an entry at its new place. A message of the same size need not be measured again."""
    if entry not in known:
        raise ValueError(f"there is no entry {entry} to inherit")
    last = known[entry]
    measured, subject = (last.measured, last.subject) if last.size == line.size else (-1, -1)
    return StoredMessage(
        entry,
        last.uidl,
        line.uid,
        line.size,
        measured,
        line.date,
        last.seen,
        line.identity,
        content or _carried(last, line),
        subject,
    )


def _carried(last: _Known, line: ListedMessage) -> str:
    """Give the content identity that an entry takes along: without a Message-ID it holds the date as well."""
    if last.content == NO_IDENTITY or (last.content.startswith("d") and last.date != line.date):
        return ""
    return last.content


def _append(look: _Look, unique_id: UniqueId) -> dict[Uid, StoredMessage]:
    change = look.change
    name = partial(unique_id, change.key, change.state.uidvalidity)
    return append(look.mailbox, Found(change.appended, change.contents, frozenset(change.vanished)), name)
