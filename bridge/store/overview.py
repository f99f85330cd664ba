"""What `status` shows from the database."""

import sqlite3
from collections.abc import Iterable
from typing import Any

from sqlite_utils import Database

Row = dict[str, Any]

_MAILBOXES = """
SELECT a.name AS account, m.name, m.listed_at IS NOT NULL AS listed, count(l.id) AS messages,
  coalesce(sum(l.measured < 0), 0) AS unmeasured, m.uidvalidity
FROM mailboxes m JOIN accounts a ON a.id = m.account
LEFT JOIN locations l ON l.mailbox = m.id AND l.uidvalidity = m.uidvalidity AND l.gone_at IS NULL
GROUP BY m.id ORDER BY a.name, m.name"""

_DEVICES = """
SELECT d.id, d.name,
  (SELECT count(*) FROM hides WHERE device = d.id) AS hidden,
  (SELECT count(*) FROM receipts WHERE device = d.id AND sent_at IS NOT NULL) AS receipts,
  (SELECT count(*) FROM receipts WHERE device = d.id AND acknowledged_at IS NOT NULL) AS acknowledged,
  (SELECT count(*) FROM intents WHERE device = d.id AND state = 'waiting') AS pending_intents
FROM devices d ORDER BY d.name"""

_LAST_SESSION = """
SELECT session, peer, started, ended, retr, top, dele, octets, reason
FROM sessions WHERE device = ? ORDER BY ended DESC, id DESC LIMIT 1"""

_TOTALS = """
SELECT (SELECT count(*) FROM entries WHERE gone_at IS NULL) AS entries,
  (SELECT count(*) FROM issued_ids) AS issued_ids"""

_FILE = """
SELECT (SELECT user_version FROM pragma_user_version) AS schema,
  (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size) AS octets"""


def overview(connection: sqlite3.Connection) -> Row:
    """Give counts for every account and device, all of one moment.

    `schema` is the database's version and `octets` its length; `unmeasured`, in messages, is 0 when every size that
    devices see was counted; `accounts` have their `mailboxes`; `devices` have `hidden`, `receipts` (what
    was sent whole), how many of these a QUIT `acknowledged`, `pending_intents`, and a `last_session`, None before the
    first; `totals` sums up. Times are Unix seconds.
    """
    db = Database(connection, execute_plugins=False)
    with db.atomic():
        mailboxes = list(db.query(_MAILBOXES))
        names = [row["name"] for row in db.query("SELECT name FROM accounts ORDER BY name")]
        devices = [_device(db, row) for row in list(db.query(_DEVICES))]
        file, totals = next(iter(db.query(_FILE))), next(iter(db.query(_TOTALS)))
    totals |= {key: _sum(mailboxes, key) for key in ("messages", "unmeasured")}
    totals |= {key: _sum(devices, key) for key in ("hidden", "receipts", "pending_intents")}
    return {
        **file,
        "unmeasured": totals["unmeasured"],
        "totals": totals,
        "accounts": [{"name": name, "mailboxes": [_mailbox(row) for row in _of(mailboxes, name)]} for name in names],
        "devices": devices,
    }


def _device(db: Database, row: Row) -> Row:
    last = list(db.query(_LAST_SESSION, [row.pop("id")]))
    return {**row, "last_session": last[0] if last else None}


def _mailbox(row: Row) -> Row:
    return {key: value for key, value in row.items() if key != "account"} | {"listed": bool(row["listed"])}


def _of(mailboxes: Iterable[Row], account: str) -> list[Row]:
    return [row for row in mailboxes if row["account"] == account]


def _sum(rows: Iterable[Row], key: str) -> int:
    return sum(row[key] for row in rows)
