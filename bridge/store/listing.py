"""Writing what a refresh found."""

import sqlite3
from collections.abc import Callable

from bridge.model.names import EntrySeq, Uid, Uidl
from bridge.model.places import ListedMessage, ListingChange, MailboxKey, StoredMessage

Name = Callable[[Uid, int], Uidl]


def account_row(db: sqlite3.Connection, name: str) -> int:
    """Give an account's row, made when it is new."""
    db.execute("INSERT OR IGNORE INTO accounts(name) VALUES (?)", (name,))
    return int(db.execute("SELECT id FROM accounts WHERE name = ?", (name,)).fetchone()[0])


def device_row(db: sqlite3.Connection, name: str) -> int:
    """Give a device's row, made when it is new."""
    db.execute("INSERT OR IGNORE INTO devices(name) VALUES (?)", (name,))
    return int(db.execute("SELECT id FROM devices WHERE name = ?", (name,)).fetchone()[0])


def mailbox_row(db: sqlite3.Connection, key: MailboxKey) -> int:
    """Give a mailbox's row, made when it is new."""
    account = account_row(db, key.account)
    db.execute("INSERT OR IGNORE INTO mailboxes(account, name) VALUES (?, ?)", (account, key.mailbox))
    found = db.execute("SELECT id FROM mailboxes WHERE account = ? AND name = ?", (account, key.mailbox))
    return int(found.fetchone()[0])


def apply_listing(db: sqlite3.Connection, change: ListingChange, name: Name, now: float) -> list[StoredMessage]:
    """Apply one change; gives the appended messages as stored, in order."""
    mailbox = mailbox_row(db, change.key)
    if change.replaced:
        db.execute(
            "UPDATE locations SET gone_at = ? WHERE mailbox = ? AND uidvalidity <> ? AND gone_at IS NULL",
            (now, mailbox, change.uidvalidity),
        )
    db.executemany(
        "UPDATE locations SET gone_at = ? WHERE mailbox = ? AND uidvalidity = ? AND uid = ? AND gone_at IS NULL",
        [(now, mailbox, change.uidvalidity, uid) for uid in change.vanished],
    )
    if change.replaced or change.vanished:
        _end_entries(db, mailbox, now)
    db.execute("UPDATE mailboxes SET uidvalidity = ? WHERE id = ?", (change.uidvalidity, mailbox))
    stored = [_append(db, mailbox, change, message, name, now) for message in change.appended]
    if change.state is not None:
        state = change.state
        db.execute(
            "UPDATE mailboxes SET uidnext = ?, messages = ?, modseq = ?, listed_at = ? WHERE id = ?",
            (state.uidnext, state.exists, state.modseq, now, mailbox),
        )
    return stored


def _end_entries(db: sqlite3.Connection, mailbox: int, now: float) -> None:
    """An entry is gone when its last location is."""
    db.execute(
        "UPDATE entries SET gone_at = ?1 WHERE gone_at IS NULL"
        " AND seq IN (SELECT entry FROM locations WHERE mailbox = ?2 AND gone_at = ?1)"
        " AND NOT EXISTS (SELECT 1 FROM locations WHERE entry = seq AND gone_at IS NULL)",
        (now, mailbox),
    )


def _append(
    db: sqlite3.Connection, mailbox: int, change: ListingChange, message: ListedMessage, name: Name, now: float
) -> StoredMessage:
    place = (mailbox, change.uidvalidity, message.uid)
    known = db.execute(
        "SELECT l.id, l.entry, l.size, l.measured, l.gone_at, e.uidl FROM locations l JOIN entries e ON e.seq = l.entry"
        " WHERE l.mailbox = ? AND l.uidvalidity = ? AND l.uid = ?",
        place,
    ).fetchone()
    if known is not None and (known[4] is None or known[2] == message.size):
        row, entry, size, measured, gone, uidl = known
        if gone is not None:
            db.execute("UPDATE locations SET gone_at = NULL WHERE id = ?", (row,))
            db.execute("UPDATE entries SET gone_at = NULL WHERE seq = ?", (entry,))
        return StoredMessage(EntrySeq(entry), Uidl(uidl), message.uid, size, measured, message.date)
    uidl = _unused(db, message.uid, name)
    cursor = db.execute("INSERT INTO entries(uidl, first_seen) VALUES (?, ?)", (uidl, now))
    entry = EntrySeq(int(cursor.lastrowid or 0))
    db.execute("INSERT INTO issued_ids VALUES (?, ?)", (uidl, entry))
    db.execute(
        "INSERT OR REPLACE INTO locations(entry, mailbox, uidvalidity, uid, size, date, provider_identity)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (entry, *place, message.size, message.date, message.identity),
    )
    return StoredMessage(entry, uidl, message.uid, message.size, -1, message.date)


def _unused(db: sqlite3.Connection, uid: Uid, name: Name) -> Uidl:
    """Give the first candidate that was never issued: ids are kept for ever."""
    attempt = 0
    while True:
        uidl = name(uid, attempt)
        if db.execute("SELECT 1 FROM issued_ids WHERE uidl = ?", (uidl,)).fetchone() is None:
            return uidl
        attempt += 1
