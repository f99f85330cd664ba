"""Writing what sessions leave behind, and what becomes of intents."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from bridge.model.names import AccountId, DeviceId, EntrySeq, MailboxName, Uid, UidValidity
from bridge.model.places import NO_IDENTITY, Location, MailboxKey
from bridge.model.update import Intent, IntentState, MovedTo, NewIntent, SessionRecord, UpdatePlan
from bridge.store.rows import device_row, for_people, logged_in, mailbox_row, mailbox_rows
from bridge.store.voting import evaluate

# What its owner did away with stays so, whatever rule had hidden it before.
_HIDE = (
    "INSERT INTO hides(device, entry, hidden_at, rule, session) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
    " SET hidden_at = excluded.hidden_at, rule = excluded.rule, session = excluded.session"
    " WHERE rule NOT IN ('delete', 'retrieve')"
)
# What carries an intent out compares what is there with what was listed there: size and content as of that place.
_PROMISE = (
    "INSERT INTO intents(device, entry, mailbox, uidvalidity, uid, action, size, due, session, made_at, state,"
    " when_all, content) SELECT ?1, ?2, ?3, ?4, ?5, ?6, coalesce(l.size, ?7), ?8, ?9, ?10, ?11, ?12,"
    " coalesce(nullif(l.content_identity, ?13), '') FROM (SELECT 1) LEFT JOIN locations l ON l.mailbox = ?3"
    " AND l.uidvalidity = ?4 AND l.uid = ?5 AND l.entry = ?2 AND l.gone_at IS NULL"
)
# A message that lies elsewhere by now than when this was promised is acted on there, as it was listed there: if the
# device reads that mailbox. What somebody filed where the device does not look is nothing that it deleted.
_ITS_OWN = (
    "(l.mailbox = i.mailbox OR EXISTS (SELECT 1 FROM device_sources s WHERE s.device = i.device"
    " AND s.mailbox = l.mailbox AND s.first_shown IS NOT NULL))"
)
_DUE = (
    "SELECT i.id, d.name, i.entry, a.name, m.name,"  # noqa: S608 - ours
    " coalesce(l.uidvalidity, i.uidvalidity), coalesce(l.uid, i.uid),"
    " i.action, coalesce(l.size, i.size), i.due, i.tries, i.message_id,"
    " CASE WHEN l.id IS NULL THEN i.content ELSE coalesce(nullif(l.content_identity, ?3), '') END,"
    " i.target, i.target_uidvalidity, i.target_uid FROM intents i JOIN devices d ON d.id = i.device"
    " LEFT JOIN locations l ON l.entry = i.entry AND l.gone_at IS NULL"
    " AND (l.mailbox, l.uidvalidity, l.uid) <> (i.mailbox, i.uidvalidity, i.uid) AND "
    + _ITS_OWN
    + " JOIN mailboxes m ON m.id = coalesce(l.mailbox, i.mailbox) JOIN accounts a ON a.id = m.account"
    " WHERE i.state = 'waiting' AND i.due <= ?1 AND NOT EXISTS (SELECT 1 FROM facts WHERE name = 'restored')"
    " ORDER BY i.due, i.id LIMIT ?2"
)
_LISTED = (
    "SELECT EXISTS (SELECT 1 FROM intents i JOIN locations l ON l.entry = i.entry AND l.gone_at IS NULL"  # noqa: S608 - ours
    " WHERE i.id = ? AND " + _ITS_OWN + ")"
)
_NEXT_DUE = (
    "SELECT min(due) FROM intents WHERE state = 'waiting' AND NOT EXISTS (SELECT 1 FROM facts WHERE name = 'restored')"
)


def commit_update(db: sqlite3.Connection, plan: UpdatePlan) -> None:
    """Write a plan: receipts, hides and intents, and see whether devices now agree on what it is about. An entry that
    the store does not know fails it all.
    """
    device = device_row(db, plan.device)
    acknowledged = plan.at if plan.acknowledged else None
    db.executemany(
        "INSERT INTO receipts(device, entry, sent_at, acknowledged_at, session) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET sent_at = coalesce(sent_at, excluded.sent_at),"
        " acknowledged_at = coalesce(acknowledged_at, excluded.acknowledged_at)",
        [(device, seq, plan.at, acknowledged, plan.session) for seq in plan.sent],
    )
    for rule, seqs in (("delete", plan.hide), ("retrieve", plan.retrieved)):
        db.executemany(_HIDE, [(device, seq, plan.at, rule, plan.session) for seq in seqs])
    _promise(db, device, plan)
    if plan.electorate and (plan.hide or plan.retrieved):
        due = max((intent.due for intent in plan.intents), default=None)
        evaluate(db, plan.electorate, {*plan.hide, *plan.retrieved}, due, plan.at)


def _promise(db: sqlite3.Connection, device: int, plan: UpdatePlan) -> None:
    mailboxes = mailbox_rows(db, (intent.location.key for intent in plan.intents))

    def row(intent: NewIntent) -> tuple[object, ...]:
        key, uidvalidity, uid = intent.location
        what = (intent.action, intent.size, intent.due, plan.session, plan.at)
        state = "voting" if intent.when_all and intent.state == "waiting" else intent.state
        return (device, intent.seq, mailboxes[key], uidvalidity, uid, *what, state, intent.when_all, NO_IDENTITY)

    db.executemany(_PROMISE, [row(intent) for intent in plan.intents])


def record_sessions(db: sqlite3.Connection, records: Sequence[SessionRecord]) -> None:
    """Write rows of the session history."""
    devices = {name: device_row(db, name) for name in {record.device for record in records}}
    db.executemany(
        "INSERT INTO sessions(session, device, peer, started, ended, retr, top, dele, octets, reason)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [_session(devices[record.device], record) for record in records],
    )
    logged_in(db, [(record.started, devices[record.device]) for record in records])


def _session(device: int, record: SessionRecord) -> tuple[object, ...]:
    numbers = (record.started, record.ended, record.retr, record.top, record.dele, record.octets)
    return (record.session, device, record.peer, *numbers, for_people(record.reason))


def due_intents(db: sqlite3.Connection, now: float, limit: int) -> list[Intent]:
    """Give waiting intents whose time has come, the longest due first; none while the database is a restored one."""
    rows = db.execute(_DUE, (now, limit, NO_IDENTITY))
    return [_intent(*row) for row in rows]


def next_due(db: sqlite3.Connection) -> float | None:
    """Give when the first waiting intent is due, if any waits to be carried out."""
    found: float | None = db.execute(_NEXT_DUE).fetchone()[0]
    return found


def is_listed(db: sqlite3.Connection, intent: int) -> bool:
    """Tell whether an intent's message lies where its device reads, as far as is known."""
    return bool(db.execute(_LISTED, (intent,)).fetchone()[0])


def _intent(number: int, device: str, seq: int, account: str, mailbox: str, *row: Any) -> Intent:
    uidvalidity, uid, action, size, due, tries, message_id, content, *copied = row
    key = MailboxKey(AccountId(account), MailboxName(mailbox))
    return Intent(
        id=number,
        device=DeviceId(device),
        seq=EntrySeq(seq),
        location=Location(key, UidValidity(uidvalidity), Uid(uid)),
        action=action,
        size=size,
        due=due,
        tries=tries,
        message_id=message_id,
        content=content,
        copied=None if copied[0] is None else MovedTo(*copied),
    )


def settle_intent(
    intent: int, state: IntentState, note: str, moved: MovedTo | None, now: float, at: Location | None = None
) -> Callable[[sqlite3.Connection], None]:
    """Give the unit that writes how an intent ended; one that has ended stays as it ended. What was done is believed
    all the same of one that was taken back meanwhile, and is to be brought back where that can be: to where it was
    taken from, `at`.
    """

    def unit(db: sqlite3.Connection) -> None:
        [was] = db.execute("SELECT state FROM intents WHERE id = ?", (intent,)).fetchone() or ("",)
        taken_back = state == "done" and was in ("cancelled", "voting")
        if was == "waiting" or taken_back:
            ended = "returning" if taken_back and moved is not None else state
            sql = "UPDATE intents SET state = ?, note = ?, settled_at = ? WHERE id = ?"
            db.execute(sql, (ended, for_people(note), now, intent))
            _moved(db, intent, moved)
            if at is not None and moved is not None:
                sql = "UPDATE intents SET mailbox = ?, uidvalidity = ?, uid = ? WHERE id = ?"
                db.execute(sql, (mailbox_row(db, at.key), at.uidvalidity, at.uid, intent))

    return unit


def note_copied(intent: int, moved: MovedTo) -> Callable[[sqlite3.Connection], None]:
    """Give the unit that writes where a COPY put an intent's message."""
    return lambda db: _moved(db, intent, moved)


def _moved(db: sqlite3.Connection, intent: int, moved: MovedTo | None) -> None:
    if moved is not None:
        sql = "UPDATE intents SET target = ?, target_uidvalidity = ?, target_uid = ? WHERE id = ?"
        db.execute(sql, (*moved, intent))


def retry_intent(intent: int, due: float, note: str) -> Callable[[sqlite3.Connection], None]:
    """Give the unit that puts an intent off."""
    sql = "UPDATE intents SET due = ?, note = ?, tries = tries + 1 WHERE id = ? AND state = 'waiting'"
    return lambda db: _run(db, sql, (due, for_people(note), intent))


def note_message_id(intent: int, text: str) -> Callable[[sqlite3.Connection], None]:
    """Give the unit that writes an intent's Message-ID, once it is known."""
    return lambda db: _run(db, "UPDATE intents SET message_id = ? WHERE id = ?", (for_people(text), intent))


def _run(db: sqlite3.Connection, sql: str, values: tuple[object, ...]) -> None:
    db.execute(sql, values)
