"""Writing what sessions leave behind, and what becomes of intents."""

import sqlite3

from bridge.model.names import AccountId, DeviceId, EntrySeq, MailboxName, Uid, UidValidity
from bridge.model.places import Location, MailboxKey
from bridge.model.update import Intent, SessionRecord, UpdatePlan
from bridge.store.listing import device_row, mailbox_row


def commit_update(db: sqlite3.Connection, plan: UpdatePlan) -> None:
    """Write a plan: receipts, hides and intents."""
    device = device_row(db, plan.device)
    acknowledged = plan.at if plan.acknowledged else None
    db.executemany(
        "INSERT INTO receipts VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
        " SET acknowledged_at = coalesce(acknowledged_at, excluded.acknowledged_at)",
        [(device, seq, plan.at, acknowledged, plan.session) for seq in plan.sent],
    )
    db.executemany(
        "INSERT OR IGNORE INTO hides VALUES (?, ?, ?, 'delete', ?)",
        [(device, seq, plan.at, plan.session) for seq in plan.hide],
    )
    for intent in plan.intents:
        key, uidvalidity, uid = intent.location
        db.execute(
            "INSERT INTO intents(device, entry, mailbox, uidvalidity, uid, action, size, due, session, made_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (device, intent.seq, mailbox_row(db, key), uidvalidity, uid, intent.action, intent.size, intent.due)
            + (plan.session, plan.at),
        )


def record_sizes(db: sqlite3.Connection, sizes: list[tuple[Location, int]]) -> None:
    """Write measured octets."""
    rows: dict[MailboxKey, int] = {}
    for (key, uidvalidity, uid), octets in sizes:
        mailbox = rows.setdefault(key, 0) or mailbox_row(db, key)
        rows[key] = mailbox
        db.execute(
            "UPDATE locations SET measured = ? WHERE mailbox = ? AND uidvalidity = ? AND uid = ?",
            (octets, mailbox, uidvalidity, uid),
        )


def record_session(db: sqlite3.Connection, record: SessionRecord) -> None:
    """Write a row of the session history."""
    device = device_row(db, record.device)
    numbers = (record.started, record.ended, record.retr, record.top, record.dele, record.octets)
    db.execute(
        "INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (record.session, device, record.peer, *numbers, record.reason),
    )
    db.execute(
        "UPDATE devices SET last_login = ?1, first_login = coalesce(first_login, ?1) WHERE id = ?2",
        (record.started, device),
    )


def due_intents(db: sqlite3.Connection, now: float, limit: int) -> list[Intent]:
    """Give waiting intents whose time has come, oldest first."""
    rows = db.execute(
        "SELECT i.id, d.name, i.entry, a.name, m.name, i.uidvalidity, i.uid, i.action, i.size, i.due, i.tries,"
        " i.message_id FROM intents i JOIN devices d ON d.id = i.device JOIN mailboxes m ON m.id = i.mailbox"
        " JOIN accounts a ON a.id = m.account WHERE i.state = 'waiting' AND i.due <= ? ORDER BY i.due, i.id LIMIT ?",
        (now, limit),
    )
    return [
        Intent(
            id=row[0],
            device=DeviceId(row[1]),
            seq=EntrySeq(row[2]),
            location=Location(MailboxKey(AccountId(row[3]), MailboxName(row[4])), UidValidity(row[5]), Uid(row[6])),
            action=row[7],
            size=row[8],
            due=row[9],
            tries=row[10],
            message_id=row[11],
        )
        for row in rows
    ]
