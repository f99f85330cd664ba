"""Where messages lay: what re-matching looks for a vanished message's new place with."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

from bridge.model.names import AccountId, EntrySeq, MailboxName, Uid, UidValidity
from bridge.model.places import Location, MailboxKey, MailboxPart, OldPlace, StoredMessage
from bridge.store.rows import MESSAGE

_PART = (
    f"SELECT {MESSAGE} FROM locations l JOIN entries e ON e.seq = l.entry"  # noqa: S608 - ours
    " WHERE l.mailbox = ? AND l.uidvalidity = ? AND l.gone_at IS NULL"
)
_OLD = "l.entry, m.name, l.uidvalidity, l.uid, l.size, l.date, l.provider_identity, l.content_identity"
# What waits and is due may be done already, and only not be written down.
_REMOVED = (
    "EXISTS (SELECT 1 FROM intents i WHERE i.entry = l.entry AND i.mailbox = l.mailbox"
    " AND i.uidvalidity = l.uidvalidity AND i.uid = l.uid AND i.action IN ('archive', 'trash', 'expunge')"
    " AND (i.state IN ('done', 'returning') OR i.state = 'waiting' AND i.due <= ?))"
)


PIECE = 2000
"""Messages given at once, of a mailbox of which all are wanted and few at a time."""

Take = Callable[[UidValidity, list[StoredMessage]], None]


def load_parts(db: sqlite3.Connection, key: MailboxKey) -> list[MailboxPart]:
    """Give a listed mailbox's live messages by UIDVALIDITY: the present one first, then the newest of those before."""
    parts: dict[UidValidity, list[StoredMessage]] = {}
    load_in_pieces(db, key, lambda uidvalidity, rows: parts.setdefault(uidvalidity, []).extend(rows))
    # Nearly in order as the index gives them; SQLite would sort whole rows.
    return [MailboxPart(uidvalidity, sorted(rows)) for uidvalidity, rows in parts.items()]


def load_in_pieces(db: sqlite3.Connection, key: MailboxKey, take: Take) -> None:
    """Give a listed mailbox's live messages to `take`, part by part as `load_parts` has them, and of each some at a
    time, in no order. The present part comes first, be it empty.
    """
    sql = (
        "SELECT m.id, m.uidvalidity FROM mailboxes m JOIN accounts a ON a.id = m.account"
        " WHERE a.name = ? AND m.name = ? AND m.listed_at IS NOT NULL"
    )
    found = db.execute(sql, key).fetchone()
    if found is None:
        return
    mailbox, present = found
    # One step of the index for each UIDVALIDITY, however many messages are under it.
    others = [each for each in _uidvalidities(db, mailbox) if each != present]
    for each in (present, *reversed(others)):
        rows = db.execute(_PART, (mailbox, each))
        some = rows.fetchmany(PIECE)
        take(UidValidity(each), list(map(StoredMessage._make, some)))
        while some := rows.fetchmany(PIECE):
            take(UidValidity(each), list(map(StoredMessage._make, some)))


def _uidvalidities(db: sqlite3.Connection, mailbox: int) -> Iterable[int]:
    sql = "SELECT min(uidvalidity) FROM locations WHERE mailbox = ? AND gone_at IS NULL AND uidvalidity > ?"
    found = db.execute(sql, (mailbox, -1)).fetchone()[0]
    while found is not None:
        yield found
        found = db.execute(sql, (mailbox, found)).fetchone()[0]


def load_old_places(
    db: sqlite3.Connection, account: AccountId, places: Sequence[Location], now: float
) -> list[OldPlace]:
    """Give what lies at these places, mailbox by mailbox."""
    found: list[OldPlace] = []
    for (key, uidvalidity), uids in groupby(sorted(places), key=lambda place: place[:2]):
        rows = db.execute(
            f"SELECT {_OLD}, {_REMOVED} FROM json_each(?) AS asked CROSS JOIN mailboxes AS m"  # noqa: S608 - ours
            " ON m.account = (SELECT id FROM accounts WHERE name = ?) AND m.name = ? JOIN locations AS l"
            " ON l.mailbox = m.id AND l.uidvalidity = ? AND l.uid = asked.value AND l.gone_at IS NULL",
            (now, json.dumps([place.uid for place in uids]), account, key.mailbox, uidvalidity),
        )
        found += [_old(account, row, live=True, removed=bool(removed)) for *row, removed in rows]
    return found


def load_kindred(db: sqlite3.Connection, account: AccountId, identities: Sequence[str], since: float) -> list[OldPlace]:
    """Give the account's places of messages with one of these identities: live ones, and the last places of entries
    that are gone since a Unix time. What a device had expunged stays gone: nobody wants it back as what it was.
    """
    asked = json.dumps(identities)
    return [
        _old(account, row, live=live)
        for live, condition in ((True, _LIVE), (False, _LOST))
        for row in db.execute(_KINDRED.format(condition=condition), (asked, account, since))
    ]


_LIVE = "l.gone_at IS NULL AND ?3 IS NOT NULL"
_LOST = (
    "e.gone_at >= ?3 AND l.id = (SELECT id FROM locations WHERE entry = e.seq ORDER BY gone_at DESC, id DESC LIMIT 1)"
    " AND NOT EXISTS (SELECT 1 FROM intents WHERE entry = e.seq AND state = 'done' AND action = 'expunge')"
)
# Two searches of two indexes; an OR of both columns would walk through all places.
_KINDRED = (
    "SELECT DISTINCT " + _OLD + " FROM"  # noqa: S608 - ours
    " (SELECT l.id FROM json_each(?1) AS a CROSS JOIN locations AS l ON l.provider_identity = a.value"
    " AND l.provider_identity <> '' UNION SELECT l.id FROM json_each(?1) AS a CROSS JOIN locations AS l"
    " ON l.content_identity = a.value AND l.content_identity <> '') AS kin"
    " JOIN locations AS l ON l.id = kin.id JOIN entries AS e ON e.seq = l.entry JOIN mailboxes AS m ON m.id = l.mailbox"
    " JOIN accounts AS o ON o.id = m.account AND o.name = ?2 WHERE {condition} ORDER BY l.id"
)


def _old(account: AccountId, row: Sequence[Any], *, live: bool, removed: bool = False) -> OldPlace:
    seq, mailbox, uidvalidity, uid, *told = row
    key = MailboxKey(account, MailboxName(mailbox))
    return OldPlace._make((EntrySeq(seq), key, UidValidity(uidvalidity), Uid(uid), *told, live, removed))
