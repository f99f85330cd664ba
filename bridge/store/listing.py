"""Writing what a refresh found. By sets and not by rows: a first listing is 100,000 messages."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bridge.model.names import EntrySeq, Uid, Uidl, UidValidity
from bridge.model.places import ListedMessage, ListingChange, StoredMessage
from bridge.store.rows import MESSAGE, mailbox_row

Name = Callable[[Uid, int], Uidl]

ATTEMPTS = 1000
"""Candidates tried for one unique-id. Each retry means that an id was issued before for another entry at the very same
place, so more than a few is a fault in whoever names them."""


@dataclass(frozen=True, slots=True)
class _Mailbox:
    """A mailbox's row under the UIDVALIDITY that a change is about."""

    db: sqlite3.Connection
    row: int
    uidvalidity: UidValidity
    now: float


def apply_listing(db: sqlite3.Connection, change: ListingChange, name: Name, now: float) -> list[StoredMessage]:
    """Apply one change; gives the appended messages as stored, in order."""
    mailbox = _Mailbox(db, mailbox_row(db, change.key), change.uidvalidity, now)
    if change.replaced:
        _start_over(mailbox)
    if change.vanished:
        _vanish(mailbox, change.vanished)
    stored = _append(mailbox, change.appended, name) if change.appended else []
    if change.state is None:
        db.execute(
            "UPDATE mailboxes SET uidvalidity = ? WHERE id = ? AND listed_at IS NULL", (change.uidvalidity, mailbox.row)
        )
    else:
        _finish(mailbox, change)
    return stored


def _start_over(mailbox: _Mailbox) -> None:
    """Forget what an earlier try to list under a new UIDVALIDITY had begun: what is still there is revived when it is
    listed. The last whole listing stays until the new one is whole, so that a crash between leaves it to be shown.
    """
    sql = "SELECT uidvalidity FROM mailboxes WHERE id = ? AND listed_at IS NOT NULL"
    shown = mailbox.db.execute(sql, (mailbox.row,)).fetchone()
    _forget_all_but(mailbox, mailbox.uidvalidity if shown is None else shown[0])


def _finish(mailbox: _Mailbox, change: ListingChange) -> None:
    """The mailbox is listed whole: what was known of it under another UIDVALIDITY is void (RFC 3501 §2.3.1.1)."""
    state = change.state
    if state is None or state.uidvalidity != change.uidvalidity:
        raise ValueError("a change and its state speak of two UIDVALIDITYs")
    _forget_all_but(mailbox, change.uidvalidity)
    mailbox.db.execute(
        "UPDATE mailboxes SET uidvalidity = ?, uidnext = ?, messages = ?, modseq = ?, listed_at = ? WHERE id = ?",
        (state.uidvalidity, state.uidnext, state.exists, state.modseq, mailbox.now, mailbox.row),
    )


def _forget_all_but(mailbox: _Mailbox, uidvalidity: int) -> None:
    # Two ranges of the index; "<>" would walk through all that is there.
    for other in ("uidvalidity < ?", "uidvalidity > ?"):
        _end_locations(mailbox, other, (uidvalidity,))


def _vanish(mailbox: _Mailbox, uids: Iterable[Uid]) -> None:
    where = "uidvalidity = ? AND uid IN (SELECT value FROM json_each(?))"
    _end_locations(mailbox, where, (mailbox.uidvalidity, json.dumps(list(uids))))


def _end_locations(mailbox: _Mailbox, where: str, values: tuple[object, ...]) -> None:
    """End the live locations that `where` names, and the entries whose last location that was."""
    sql = f"UPDATE locations SET gone_at = ? WHERE mailbox = ? AND gone_at IS NULL AND {where} RETURNING entry"  # noqa: S608 - `where` is ours
    entries = mailbox.db.execute(sql, (mailbox.now, mailbox.row, *values)).fetchall()
    mailbox.db.execute(
        "UPDATE entries SET gone_at = ? WHERE seq IN (SELECT value FROM json_each(?))"
        " AND NOT EXISTS (SELECT 1 FROM locations WHERE entry = seq AND gone_at IS NULL)",
        (mailbox.now, json.dumps([entry for (entry,) in entries])),
    )


def _append(mailbox: _Mailbox, appended: Sequence[ListedMessage], name: Name) -> list[StoredMessage]:
    listed: dict[Uid, ListedMessage] = {}
    for message in appended:
        listed.setdefault(message.uid, message)
    known = {message.uid: message for _, message in _at_places(mailbox, listed, "IS NULL")}
    known.update(_revive(mailbox, [message for uid, message in listed.items() if uid not in known]))
    known.update(_insert(mailbox, [message for uid, message in listed.items() if uid not in known], name))
    return [known[message.uid] for message in appended]


def _at_places(mailbox: _Mailbox, uids: Iterable[Uid], gone: str) -> list[tuple[int, StoredMessage]]:
    """Give locations and their messages at these UIDs, oldest first."""
    rows = mailbox.db.execute(
        f"SELECT l.id, {MESSAGE}"  # noqa: S608 - `gone` is ours
        " FROM json_each(?) AS asked CROSS JOIN locations AS l"
        f" ON l.mailbox = ? AND l.uidvalidity = ? AND l.uid = asked.value AND l.gone_at {gone}"
        " JOIN entries AS e ON e.seq = l.entry ORDER BY l.id",
        (json.dumps(list(uids)), mailbox.row, mailbox.uidvalidity),
    )
    return [(row, StoredMessage._make(message)) for row, *message in rows]


def _revive(mailbox: _Mailbox, listed: Sequence[ListedMessage]) -> dict[Uid, StoredMessage]:
    """What is back at the place where it was, with its size, is the message it was: with its id and its hides."""
    sizes = {message.uid: message.size for message in listed}
    back = {
        message.uid: (row, message)
        for row, message in _at_places(mailbox, sizes, "IS NOT NULL")
        if message.size == sizes[message.uid]
    }
    mailbox.db.executemany("UPDATE locations SET gone_at = NULL WHERE id = ?", [(row,) for row, _ in back.values()])
    mailbox.db.executemany(
        "UPDATE entries SET gone_at = NULL WHERE seq = ?", [(message.seq,) for _, message in back.values()]
    )
    return {uid: message for uid, (_, message) in back.items()}


def _insert(mailbox: _Mailbox, listed: Sequence[ListedMessage], name: Name) -> dict[Uid, StoredMessage]:
    """Make entries for messages never seen, in the order of the listing."""
    db = mailbox.db
    last = db.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'entries'").fetchone()[0]
    uidls = _unused(db, [message.uid for message in listed], name)
    new = [
        StoredMessage(
            EntrySeq(seq), uidl, message.uid, message.size, -1, message.date, int(mailbox.now), message.identity
        )
        for seq, (uidl, message) in enumerate(zip(uidls, listed, strict=True), last + 1)
    ]
    db.executemany(
        "INSERT INTO entries(seq, uidl, first_seen) VALUES (?, ?, ?)", [(row.seq, row.uidl, mailbox.now) for row in new]
    )
    db.executemany("INSERT INTO issued_ids(uidl, entry) VALUES (?, ?)", [(row.uidl, row.seq) for row in new])
    place = (mailbox.row, mailbox.uidvalidity)
    db.executemany(
        "INSERT INTO locations(entry, mailbox, uidvalidity, uid, size, date, provider_identity)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (row.seq, *place, row.uid, row.size, row.date, message.identity)
            for row, message in zip(new, listed, strict=True)
        ],
    )
    return {row.uid: row for row in new}


def _unused(db: sqlite3.Connection, uids: Sequence[Uid], name: Name) -> list[Uidl]:
    """Give each its first candidate that was never issued: ids are kept for ever."""
    chosen = {uid: name(uid, 0) for uid in uids}
    taken: set[Uidl] = set()
    free: list[Uidl] = []
    issued = _issued(db, list(chosen.values()))
    for uid, candidate in chosen.items():
        attempt = 0
        while candidate in issued or candidate in taken:
            attempt += 1
            if attempt > ATTEMPTS:
                raise ValueError(f"no unique-id that was never issued for UID {uid}")
            candidate = name(uid, attempt)
            issued |= _issued(db, [candidate])
        taken.add(candidate)
        free.append(candidate)
    return free


def _issued(db: sqlite3.Connection, candidates: list[Uidl]) -> set[Uidl]:
    sql = "SELECT uidl FROM issued_ids WHERE uidl IN (SELECT value FROM json_each(?))"
    return {Uidl(row[0]) for row in db.execute(sql, (json.dumps(candidates),))}
