"""What `status` shows from the database."""

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

from sqlite_utils import Database

Row = dict[str, Any]

_MAILBOXES = """
SELECT a.name AS account, m.name, m.listed_at IS NOT NULL AS listed, count(l.id) AS messages,
  coalesce(sum(l.measured < 0), 0) AS unmeasured, m.uidvalidity
FROM mailboxes m JOIN accounts a ON a.id = m.account
LEFT JOIN locations l ON l.mailbox = m.id AND l.gone_at IS NULL
GROUP BY m.id ORDER BY a.name, m.name"""

# A vote on what is gone upstream waits for nobody any more; it stays a vote in case the message comes back.
_DEVICES = """
SELECT d.id, d.name,
  (SELECT count(*) FROM receipts r JOIN entries e ON e.seq = r.entry AND e.gone_at IS NULL
   WHERE r.device = d.id AND r.position IS NOT NULL
   AND NOT EXISTS (SELECT 1 FROM hides h WHERE h.device = d.id AND h.entry = r.entry)) AS announced,
  (SELECT count(*) FROM hides WHERE device = d.id) AS hidden,
  (SELECT count(*) FROM receipts WHERE device = d.id AND sent_at IS NOT NULL) AS receipts,
  (SELECT count(*) FROM receipts WHERE device = d.id AND acknowledged_at IS NOT NULL) AS acknowledged,
  (SELECT count(*) FROM intents WHERE device = d.id AND state = 'waiting') AS pending_intents,
  (SELECT count(*) FROM intents WHERE device = d.id AND state = 'held') AS held,
  (SELECT min(made_at) FROM intents WHERE device = d.id AND state = 'held') AS held_since,
  (SELECT count(*) FROM intents i JOIN entries e ON e.seq = i.entry AND e.gone_at IS NULL
   WHERE i.device = d.id AND i.state = 'voting') AS voting,
  (SELECT count(*) FROM intents WHERE device = d.id AND state = 'returning') AS "returning"
FROM devices d ORDER BY d.name"""

_HIDDEN = """
SELECT d.name AS device, h.rule, count(*) AS messages FROM hides h JOIN devices d ON d.id = h.device
GROUP BY d.id, h.rule ORDER BY h.rule"""

# Votes on what is still upstream, and the devices that have not agreed: such a one was shown the message, and neither
# deleted it nor had it hidden once fetched, or it did and its owner is still to confirm that.
_VOTES = """
WITH voter AS (SELECT id, name FROM devices WHERE ?1 IS NULL OR name IN (SELECT value FROM json_each(?1))),
missing AS (
  SELECT voter.name AS device, silent.name AS silent, i.entry, i.made_at FROM intents i
  JOIN voter ON voter.id = i.device JOIN entries e ON e.seq = i.entry AND e.gone_at IS NULL
  CROSS JOIN voter silent CROSS JOIN receipts r
    ON r.device = silent.id AND r.entry = i.entry AND r.announced_at IS NOT NULL
  LEFT JOIN hides h ON h.device = r.device AND h.entry = r.entry AND h.rule IN ('delete', 'retrieve')
  LEFT JOIN intents held ON held.device = r.device AND held.entry = r.entry AND held.state = 'held'
  WHERE i.state = 'voting' AND (h.entry IS NULL OR held.id IS NOT NULL))
SELECT 'holds_back' AS part, silent AS device, count(DISTINCT entry) AS messages, min(made_at) AS since,
  json_group_array(DISTINCT device) AS devices FROM missing GROUP BY silent
UNION ALL
SELECT 'held_back', device, count(DISTINCT entry), min(made_at), json_group_array(DISTINCT silent)
FROM missing GROUP BY device"""

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

_SPOOLED = """
SELECT a.name AS account, count(*) AS messages, sum(s.octets) AS octets
FROM spool s JOIN accounts a ON a.id = s.account GROUP BY a.id"""

_USED = """
SELECT a.name AS account, sum(u.octets) AS octets, sum(u.connections) AS connections
FROM upstream_usage u JOIN accounts a ON a.id = u.account
WHERE u.hour > CAST(strftime('%s', 'now') AS INTEGER) / 3600 - 24 GROUP BY a.id"""

_REFUSED = """
SELECT a.name AS account, r.at, r.definite, r.sentence FROM refusals r JOIN accounts a ON a.id = r.account"""

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


def overview(connection: sqlite3.Connection, electorate: Iterable[str] | None = None) -> Row:
    """Give counts for every account and device, all of one moment.

    `schema` is the database's version and `octets` its length; `restored` tells of a backup that was put back and
    not resumed; `unmeasured`, in messages, is 0 when every size that devices see was counted; `accounts` have their
    `mailboxes`, which of these each of the `selectors` names, the `suspicions`, what is `spooled`, what was `used`
    of their server within a day, and since when and why it `refused` their password, if it does; `totals` sums up.
    `devices` have what they are shown (`announced`), what is `hidden` and by which rules (`hidden_by`), `receipts`
    (what was sent whole), how many of these a QUIT `acknowledged`, intents by what they wait for (`pending_intents`
    for their time, `held`, `voting`, `returning`), the mailboxes they were `shown`, and a `last_session`, None
    before the first. What other `devices` have voted on and wait for this one with, it `holds_back`; what it has
    voted on itself is `held_back` by others. Only the `electorate` has a say in that, None for all that the
    database knows. Times are Unix seconds.
    """
    db = Database(connection, execute_plugins=False)
    with db.atomic():
        mailboxes = list(db.query(_MAILBOXES))
        names = [row["name"] for row in db.query("SELECT name FROM accounts ORDER BY name")]
        devices = [_device(db, row) for row in list(db.query(_DEVICES))]
        asked = [None if electorate is None else json.dumps(list(electorate))]
        votes, shown, hidden = list(db.query(_VOTES, asked)), list(db.query(_SHOWN)), list(db.query(_HIDDEN))
        selectors, suspicions = list(db.query(_SELECTORS)), list(db.query(_SUSPICIONS))
        spooled = list(db.query(_SPOOLED))
        used, refused = list(db.query(_USED)), list(db.query(_REFUSED))
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
                "spooled": next(iter(_of("account", name, spooled)), {"messages": 0, "octets": 0}),
                "used": next(iter(_of("account", name, used)), {"octets": 0, "connections": 0}),
                "refused": next(iter(_of("account", name, refused)), None),
            }
            for name in names
        ],
        "devices": [_device_facts(device, _of("device", device["name"], hidden), votes, shown) for device in devices],
    }


def _device_facts(device: Row, hidden: Iterable[Row], votes: Iterable[Row], shown: Iterable[Row]) -> Row:
    return {
        **device,
        "hidden_by": {row["rule"]: row["messages"] for row in hidden},
        **_votes(_of("device", device["name"], votes)),
        "shown": _of("device", device["name"], shown),
    }


def _device(db: Database, row: Row) -> Row:
    last = list(db.query(_LAST_SESSION, [row.pop("id")]))
    return {**row, "last_session": last[0] if last else None}


def _votes(rows: Iterable[Row]) -> Row:
    """Give what a device holds back from others, and what others hold back from it."""
    found: dict[str, Row] = {
        part: {"messages": 0, "since": None, "devices": []} for part in ("holds_back", "held_back")
    }
    for row in rows:
        part, names = row.pop("part"), row.pop("devices")
        found[part] = {**row, "devices": sorted(json.loads(names))}
    return found


def _mailboxes(rows: Iterable[Row], account: str) -> list[Row]:
    return [{**row, "listed": bool(row["listed"])} for row in _of("account", account, rows)]


def _of(key: str, value: str, rows: Iterable[Row]) -> list[Row]:
    """Give the rows that belong to one, without saying so in each."""
    return [{name: each for name, each in row.items() if name != key} for row in rows if row[key] == value]


def _sum(rows: Iterable[Row], key: str) -> int:
    return sum(row[key] for row in rows)
