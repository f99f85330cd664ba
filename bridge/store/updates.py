"""Writing what sessions leave behind, and what becomes of intents."""

import sqlite3
from collections.abc import Callable, Iterable, Sequence

from bridge.model.names import AccountId, DeviceId, EntrySeq, MailboxName, Uid, UidValidity
from bridge.model.places import Location, MailboxKey
from bridge.model.update import Intent, IntentState, NewIntent, SessionRecord, UpdatePlan
from bridge.store.rows import device_row, for_people, mailbox_row


def commit_update(db: sqlite3.Connection, plan: UpdatePlan) -> None:
    """Write a plan: receipts, hides and intents. An entry that the store does not know fails it all."""
    device = device_row(db, plan.device)
    acknowledged = plan.at if plan.acknowledged else None
    db.executemany(
        "INSERT INTO receipts(device, entry, sent_at, acknowledged_at, session) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET sent_at = coalesce(sent_at, excluded.sent_at),"
        " acknowledged_at = coalesce(acknowledged_at, excluded.acknowledged_at)",
        [(device, seq, plan.at, acknowledged, plan.session) for seq in plan.sent],
    )
    db.executemany(
        "INSERT INTO hides(device, entry, hidden_at, rule, session) VALUES (?, ?, ?, 'delete', ?)"
        " ON CONFLICT DO NOTHING",
        [(device, seq, plan.at, plan.session) for seq in plan.hide],
    )
    _promise(db, device, plan)


def _promise(db: sqlite3.Connection, device: int, plan: UpdatePlan) -> None:
    mailboxes = _mailboxes(db, (intent.location.key for intent in plan.intents))

    def row(intent: NewIntent) -> tuple[object, ...]:
        key, uidvalidity, uid = intent.location
        what = (intent.action, intent.size, intent.due, plan.session, plan.at)
        return (device, intent.seq, mailboxes[key], uidvalidity, uid, *what)

    db.executemany(
        "INSERT INTO intents(device, entry, mailbox, uidvalidity, uid, action, size, due, session, made_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [row(intent) for intent in plan.intents],
    )


def _mailboxes(db: sqlite3.Connection, keys: Iterable[MailboxKey]) -> dict[MailboxKey, int]:
    return {key: mailbox_row(db, key) for key in set(keys)}


def record_sizes(db: sqlite3.Connection, sizes: Sequence[tuple[Location, int]]) -> None:
    """Write measured octets, of what is still there."""
    mailboxes = _mailboxes(db, (location.key for location, _ in sizes))
    db.executemany(
        "UPDATE locations SET measured = ? WHERE mailbox = ? AND uidvalidity = ? AND uid = ? AND gone_at IS NULL",
        [(octets, mailboxes[place.key], place.uidvalidity, place.uid) for place, octets in sizes],
    )


def record_session(db: sqlite3.Connection, record: SessionRecord) -> None:
    """Write a row of the session history."""
    device = device_row(db, record.device)
    numbers = (record.started, record.ended, record.retr, record.top, record.dele, record.octets)
    db.execute(
        "INSERT INTO sessions(session, device, peer, started, ended, retr, top, dele, octets, reason)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (record.session, device, record.peer, *numbers, for_people(record.reason)),
    )
    db.execute(
        "UPDATE devices SET last_login = max(coalesce(last_login, ?1), ?1),"
        " first_login = min(coalesce(first_login, ?1), ?1) WHERE id = ?2",
        (record.started, device),
    )


def due_intents(db: sqlite3.Connection, now: float, limit: int) -> list[Intent]:
    """Give waiting intents whose time has come, the longest due first; none while the database is a restored one."""
    rows = db.execute(
        "SELECT i.id, d.name, i.entry, a.name, m.name, i.uidvalidity, i.uid, i.action, i.size, i.due, i.tries,"
        " i.message_id FROM intents i JOIN devices d ON d.id = i.device JOIN mailboxes m ON m.id = i.mailbox"
        " JOIN accounts a ON a.id = m.account WHERE i.state = 'waiting' AND i.due <= ?"
        " AND NOT EXISTS (SELECT 1 FROM facts WHERE name = 'restored') ORDER BY i.due, i.id LIMIT ?",
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


def settle_intent(intent: int, state: IntentState, note: str, now: float) -> Callable[[sqlite3.Connection], None]:
    """Give the unit that writes how an intent ended; one that has ended stays as it ended."""
    sql = "UPDATE intents SET state = ?, note = ?, settled_at = ? WHERE id = ? AND state = 'waiting'"
    return lambda db: _run(db, sql, (state, for_people(note), now, intent))


def retry_intent(intent: int, due: float, note: str) -> Callable[[sqlite3.Connection], None]:
    """Give the unit that puts an intent off."""
    sql = "UPDATE intents SET due = ?, note = ?, tries = tries + 1 WHERE id = ? AND state = 'waiting'"
    return lambda db: _run(db, sql, (due, for_people(note), intent))


def note_message_id(intent: int, text: str) -> Callable[[sqlite3.Connection], None]:
    """Give the unit that writes an intent's Message-ID, once it is known."""
    return lambda db: _run(db, "UPDATE intents SET message_id = ? WHERE id = ?", (for_people(text), intent))


def _run(db: sqlite3.Connection, sql: str, values: tuple[object, ...]) -> None:
    db.execute(sql, values)
