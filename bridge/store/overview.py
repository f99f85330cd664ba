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
  (SELECT count(*) FROM intents WHERE device = d.id AND state = 'waiting') AS pending_intents,
  (SELECT count(*) FROM intents WHERE device = d.id AND state = 'held') AS held,
  (SELECT min(made_at) FROM intents WHERE device = d.id AND state = 'held') AS held_since,
  (SELECT count(*) FROM intents WHERE device = d.id AND state = 'voting') AS voting,
  (SELECT count(*) FROM intents WHERE device = d.id AND state = 'returning') AS "returning"
FROM devices d ORDER BY d.name"""

# Votes of others that wait for this device: it was shown the message, and neither deleted it nor had it hidden.
_HOLDS_BACK = """
SELECT d.name AS device, count(DISTINCT i.entry) AS messages, min(i.made_at) AS since
FROM intents i JOIN receipts r ON r.entry = i.entry AND r.announced_at IS NOT NULL
JOIN devices d ON d.id = r.device
WHERE i.state = 'voting' AND NOT EXISTS (SELECT 1 FROM hides h
  WHERE h.device = r.device AND h.entry = r.entry AND h.rule IN ('delete', 'retrieve'))
GROUP BY d.id"""

_SHOWN = """
SELECT d.name AS device, a.name AS account, m.name AS mailbox, s.first_shown AS since
FROM device_sources s JOIN devices d ON d.id = s.device JOIN mailboxes m ON m.id = s.mailbox
JOIN accounts a ON a.id = m.account WHERE s.first_shown IS NOT NULL ORDER BY a.name, m.name"""

_SUSPICIONS = """
SELECT a.name AS account, m.name AS mailbox, s.since, s.missing, s.known, s.accepted
FROM suspicions s JOIN mailboxes m ON m.id = s.mailbox JOIN accounts a ON a.id = m.account ORDER BY a.name, m.name"""

_LAST_SESSION = """
SELECT session, peer, started, ended, retr, top, dele, octets, reason
FROM sessions WHERE device = ? ORDER BY ended DESC, id DESC LIMIT 1"""

_SELECTORS = """
SELECT a.name AS account, s.selector, m.name AS mailbox
FROM selectors s JOIN accounts a ON a.id = s.account JOIN mailboxes m ON m.id = s.mailbox ORDER BY a.name, s.selector"""

_RESTORED = "SELECT count(*) AS restored FROM facts WHERE name = 'restored'"

_TOTALS = """
SELECT (SELECT count(*) FROM entries WHERE gone_at IS NULL) AS entries,
  (SELECT count(*) FROM issued_ids) AS issued_ids"""

_FILE = """
SELECT (SELECT user_version FROM pragma_user_version) AS schema,
  (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size) AS octets"""


def overview(connection: sqlite3.Connection) -> Row:
    """Give counts for every account and device, all of one moment.

    `schema` is the database's version and `octets` its length; `restored` tells of a backup that was put back and not
    resumed; `unmeasured`, in messages, is 0 when every size that
    devices see was counted; `accounts` have their `mailboxes`, which of these each of the
    `selectors` names, and the `suspicions`; `devices` have `hidden`,
    `receipts` (what was sent whole), how many of these a QUIT `acknowledged`, intents by what they wait for
    (`pending_intents` for their time, `held`, `voting`, `returning`), what they hold back from others, the mailboxes
    they were `shown`, and a `last_session`, None before the first; `totals` sums up. Times are Unix seconds.
    """
    db = Database(connection, execute_plugins=False)
    with db.atomic():
        mailboxes = list(db.query(_MAILBOXES))
        names = [row["name"] for row in db.query("SELECT name FROM accounts ORDER BY name")]
        devices = [_device(db, row) for row in list(db.query(_DEVICES))]
        holding, shown = list(db.query(_HOLDS_BACK)), list(db.query(_SHOWN))
        selectors, suspicions = list(db.query(_SELECTORS)), list(db.query(_SUSPICIONS))
        restored = any(row["restored"] for row in db.query(_RESTORED))
        file, totals = next(iter(db.query(_FILE))), next(iter(db.query(_TOTALS)))
    totals |= {key: _sum(mailboxes, key) for key in ("messages", "unmeasured")}
    totals |= {key: _sum(devices, key) for key in ("hidden", "receipts", "pending_intents")}
    return {
        **file,
        "restored": restored,
        "unmeasured": totals["unmeasured"],
        "totals": totals,
        "accounts": [
            {
                "name": name,
                "mailboxes": _mailboxes(mailboxes, name),
                "selectors": {row["selector"]: row["mailbox"] for row in selectors if row["account"] == name},
                "suspicions": _of("account", name, suspicions),
            }
            for name in names
        ],
        "devices": [_with_others(device, holding, shown) for device in devices],
    }


def _device(db: Database, row: Row) -> Row:
    last = list(db.query(_LAST_SESSION, [row.pop("id")]))
    return {**row, "last_session": last[0] if last else None}


def _with_others(device: Row, holding: Iterable[Row], shown: Iterable[Row]) -> Row:
    held_back = _of("device", device["name"], holding)
    return {
        **device,
        "holds_back": held_back[0] if held_back else {"messages": 0, "since": None},
        "shown": _of("device", device["name"], shown),
    }


def _mailboxes(rows: Iterable[Row], account: str) -> list[Row]:
    return [{**row, "listed": bool(row["listed"])} for row in _of("account", account, rows)]


def _of(key: str, value: str, rows: Iterable[Row]) -> list[Row]:
    """Give the rows that belong to one, without saying so in each."""
    return [{name: each for name, each in row.items() if name != key} for row in rows if row[key] == value]


def _sum(rows: Iterable[Row], key: str) -> int:
    return sum(row[key] for row in rows)
