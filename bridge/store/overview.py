"""What `status` shows from the database."""

import sqlite3
from typing import Any


def overview(db: sqlite3.Connection) -> dict[str, Any]:
    """Give counts for every account and device."""
    mailboxes = db.execute(
        "SELECT a.name, m.name, m.listed_at IS NOT NULL, count(l.id), coalesce(sum(l.measured < 0), 0)"
        " FROM accounts a JOIN mailboxes m ON m.account = a.id"
        " LEFT JOIN locations l ON l.mailbox = m.id AND l.gone_at IS NULL GROUP BY m.id ORDER BY a.name, m.name"
    ).fetchall()
    accounts: dict[str, list[dict[str, Any]]] = {
        row[0]: [] for row in db.execute("SELECT name FROM accounts ORDER BY name")
    }
    for account, name, listed, messages, unmeasured in mailboxes:
        row = {"name": name, "listed": bool(listed), "messages": messages, "unmeasured": unmeasured}
        accounts[account].append(row)
    return {
        "unmeasured": sum(row[4] for row in mailboxes),
        "accounts": [{"name": name, "mailboxes": found} for name, found in accounts.items()],
        "devices": [_device(db, *row) for row in db.execute("SELECT id, name FROM devices ORDER BY name").fetchall()],
    }


def _device(db: sqlite3.Connection, row: int, name: str) -> dict[str, Any]:
    def number(sql: str) -> int:
        return int(db.execute(sql, (row,)).fetchone()[0])

    last = db.execute(
        "SELECT peer, started, ended, retr, top, dele, octets, reason FROM sessions WHERE device = ?"
        " ORDER BY ended DESC LIMIT 1",
        (row,),
    ).fetchone()
    names = ("peer", "started", "ended", "retr", "top", "dele", "octets", "reason")
    return {
        "name": name,
        "hidden": number("SELECT count(*) FROM hides WHERE device = ?"),
        "sent": number("SELECT count(*) FROM receipts WHERE device = ?"),
        "pending_intents": number("SELECT count(*) FROM intents WHERE device = ? AND state = 'waiting'"),
        "last_session": dict(zip(names, last, strict=True)) if last else None,
    }
