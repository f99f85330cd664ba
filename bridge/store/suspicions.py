"""Mailboxes of which much went at once, until it is believed."""

import sqlite3

from bridge.model.names import AccountId, MailboxName
from bridge.model.places import MailboxKey, Suspicion
from bridge.store.rows import mailbox_row


def save_suspicion(db: sqlite3.Connection, suspicion: Suspicion) -> None:
    """Write a suspicion in place of the mailbox's former one. Whoever only counts anew takes no acceptance back."""
    db.execute(
        "INSERT INTO suspicions(mailbox, since, missing, known, accepted) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
        " SET accepted = CASE since WHEN excluded.since THEN max(accepted, excluded.accepted)"
        " ELSE excluded.accepted END,"
        " since = excluded.since, missing = excluded.missing, known = excluded.known",
        (mailbox_row(db, suspicion.key), suspicion.since, suspicion.missing, suspicion.known, suspicion.accepted),
    )


def clear_suspicion(db: sqlite3.Connection, key: MailboxKey) -> None:
    """Drop a mailbox's suspicion, if it has one."""
    db.execute(
        "DELETE FROM suspicions WHERE mailbox ="
        " (SELECT m.id FROM mailboxes m JOIN accounts a ON a.id = m.account WHERE a.name = ? AND m.name = ?)",
        key,
    )


def load_suspicions(db: sqlite3.Connection) -> list[Suspicion]:
    """Give all suspicions, by account and mailbox."""
    rows = db.execute(
        "SELECT a.name, m.name, s.since, s.missing, s.known, s.accepted FROM suspicions s"
        " JOIN mailboxes m ON m.id = s.mailbox JOIN accounts a ON a.id = m.account ORDER BY a.name, m.name"
    )
    return [Suspicion(MailboxKey(AccountId(account), MailboxName(name)), *numbers) for account, name, *numbers in rows]


def accept_suspicions(db: sqlite3.Connection, account: AccountId, now: float) -> list[MailboxKey]:
    """Write that what is missing from an account's mailboxes is meant; gives the mailboxes that were suspicious."""
    db.execute(
        "UPDATE suspicions SET accepted = ? WHERE accepted = 0 AND mailbox IN"
        " (SELECT m.id FROM mailboxes m JOIN accounts a ON a.id = m.account WHERE a.name = ?)",
        (now, account),
    )
    return [suspicion.key for suspicion in load_suspicions(db) if suspicion.key.account == account]
