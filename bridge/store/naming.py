"""The unique-ids that a device knows entries by: an entry's own, or an alias in its place."""

import json
import re
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from bridge.model.admin import CataloguedPlace
from bridge.model.failures import StoreUnavailable
from bridge.model.names import AccountId, DeviceId, EntrySeq, MailboxName, Uid, Uidl, UidValidity
from bridge.model.places import NO_IDENTITY, Location, MailboxKey
from bridge.store.rows import device_row, known_device, one_moment

_UIDL = re.compile(r"[\x21-\x7e]{1,70}", re.ASCII)
"""RFC 1939 §7."""

_KNOWN_AS = (
    "SELECT coalesce((SELECT uidl FROM aliases WHERE device = ? AND entry = seq), uidl) FROM entries WHERE seq = ?"
)
_CATALOGUE = (
    "SELECT l.entry, e.uidl, l.uidvalidity, l.uid, l.provider_identity, l.content_identity, l.size, l.date"
    " FROM accounts a JOIN mailboxes m ON m.account = a.id JOIN locations l ON l.mailbox = m.id AND l.gone_at IS NULL"
    " JOIN entries e ON e.seq = l.entry WHERE a.name = ? AND m.name = ? ORDER BY l.entry"
)


_TAKEN = (
    "SELECT asked.uidl FROM (SELECT json_extract(value, '$[0]') AS entry, json_extract(value, '$[1]') AS uidl"
    " FROM json_each(?2)) asked WHERE EXISTS (SELECT 1 FROM aliases WHERE device = ?1 AND uidl = asked.uidl)"
    " OR EXISTS (SELECT 1 FROM issued_ids WHERE uidl = asked.uidl AND entry <> asked.entry)"
)
_AT = (
    "SELECT l.entry FROM accounts a JOIN mailboxes m ON m.account = a.id JOIN locations l ON l.mailbox = m.id"
    " WHERE a.name = ? AND m.name = ? AND l.uidvalidity = ? AND l.uid = ? AND (l.gone_at IS NULL OR l.gone_at > 0)"
)
_PUT_AT = (
    "SELECT i.entry FROM intents i JOIN mailboxes m ON m.id = i.mailbox JOIN accounts a ON a.id = m.account"
    " WHERE a.name = ? AND i.target = ? AND i.target_uidvalidity = ? AND i.target_uid = ?"
    " AND i.state IN ('done', 'returning')"
)
_TARGETS = (
    "SELECT DISTINCT a.name, i.target FROM intents i JOIN mailboxes m ON m.id = i.mailbox"
    " JOIN accounts a ON a.id = m.account WHERE i.target IS NOT NULL AND i.state IN ('done', 'returning') ORDER BY 1, 2"
)
_WITH_CONTENT = (
    "SELECT l.entry FROM json_each(?) asked CROSS JOIN locations l"
    " ON l.content_identity = asked.value AND l.content_identity <> ''"
)


def known_as(db: sqlite3.Connection, device: int, seq: int) -> Uidl:
    """Give the unique-id that a device knows an entry by, empty where there is no such entry."""
    found = db.execute(_KNOWN_AS, (device, seq)).fetchone()
    return Uidl("" if found is None else found[0])


def swap_names(db: sqlite3.Connection, device: int, original: EntrySeq, copy: EntrySeq) -> None:
    """Have a device know each of two entries by the other's unique-id: nothing it ever saw then names two."""
    names = (known_as(db, device, original), known_as(db, device, copy))
    db.execute("DELETE FROM aliases WHERE device = ? AND entry IN (?, ?)", (device, original, copy))
    _name(db, device, ((copy, names[0]), (original, names[1])))


def _name(db: sqlite3.Connection, device: int, pairs: Iterable[tuple[EntrySeq, Uidl]]) -> None:
    """Write aliases, where they are not the entry's own unique-id."""
    db.executemany(
        "INSERT INTO aliases(device, entry, uidl) SELECT ?1, ?2, ?3"
        " WHERE NOT EXISTS (SELECT 1 FROM entries WHERE seq = ?2 AND uidl = ?3)",
        [(device, seq, uidl) for seq, uidl in pairs],
    )


def save_aliases(db: sqlite3.Connection, name: DeviceId, pairs: Sequence[tuple[EntrySeq, Uidl]]) -> None:
    """Have a device know entries by other unique-ids than they had: all of these, or none.

    Raises `StoreUnavailable` when a unique-id would name two entries, an entry would have two, or one is none.
    """
    device = device_row(db, name)
    named, uidls = dict(pairs), {uidl: seq for seq, uidl in pairs}
    for seq, uidl in pairs:
        if not _UIDL.fullmatch(uidl):
            raise StoreUnavailable(f"{uidl!a} is no unique-id, so nothing was written for device {name}")
        if named[seq] != uidl or uidls[uidl] != seq:
            raise _ambiguous(name, uidl)
    db.executemany("DELETE FROM aliases WHERE device = ? AND entry = ?", [(device, seq) for seq in named])
    taken = db.execute(_TAKEN, (device, json.dumps(list(named.items())))).fetchone()
    if taken is not None:
        raise _ambiguous(name, taken[0])
    _name(db, device, named.items())


def taken(db: sqlite3.Connection, name: DeviceId, pairs: Sequence[tuple[EntrySeq, Uidl]]) -> list[Uidl]:
    """Give the unique-ids that entries cannot be given for a device, because they name others, or did once."""
    asked = json.dumps(list(pairs))
    return [Uidl(uidl) for (uidl,) in db.execute(_TAKEN, (known_device(db, name), asked))]


def fetched(db: sqlite3.Connection, name: DeviceId) -> list[EntrySeq]:
    """Give the entries that a device was sent whole."""
    sql = "SELECT r.entry FROM receipts r JOIN devices d ON d.id = r.device WHERE d.name = ? AND r.sent_at IS NOT NULL"
    return [EntrySeq(seq) for (seq,) in db.execute(sql, (name,))]


def _ambiguous(name: DeviceId, uidl: str) -> StoreUnavailable:
    return StoreUnavailable(
        f"the unique-id {uidl} would name two messages of device {name}, or be one of two of a message, so nothing was"
        " written"
    )


def catalogue(db: sqlite3.Connection, keys: Iterable[MailboxKey]) -> list[CataloguedPlace]:
    """Give the live messages of mailboxes, each mailbox in first-seen order."""
    with one_moment(db):
        return [_catalogued(key, row) for key in keys for row in db.execute(_CATALOGUE, key)]


def _catalogued(key: MailboxKey, row: tuple[Any, ...]) -> CataloguedPlace:
    seq, uidl, uidvalidity, uid, provider, content, size, date = row
    place = (key, UidValidity(uidvalidity), Uid(uid))
    return CataloguedPlace(EntrySeq(seq), Uidl(uidl), *place, provider, content, size, date)


def find_uidl(db: sqlite3.Connection, name: DeviceId, text: str) -> list[EntrySeq]:
    """Give the entries that a unique-id names: first the one that the device knows by it, then whose own it is."""
    rows = db.execute(
        "SELECT entry FROM (SELECT a.entry, 0 AS place FROM aliases a JOIN devices d ON d.id = a.device"
        " WHERE d.name = ?1 AND a.uidl = ?2 UNION ALL SELECT entry, 1 FROM issued_ids WHERE uidl = ?2) ORDER BY place",
        (name, text),
    )
    return [EntrySeq(seq) for seq in dict.fromkeys(seq for (seq,) in rows)]


def find_message_id(db: sqlite3.Connection, text: str) -> list[EntrySeq]:
    """Give the entries on which something was done upstream and whose Message-ID is this text, brackets or not."""
    bare = "".join(text.split()).removeprefix("<").removesuffix(">")
    sql = "SELECT DISTINCT entry FROM intents WHERE message_id IN (?, ?) ORDER BY entry"
    return [EntrySeq(seq) for (seq,) in db.execute(sql, (bare, f"<{bare}>"))] if bare else []


def moved_to(db: sqlite3.Connection) -> list[MailboxKey]:
    """Give the mailboxes that messages were moved to for devices."""
    return [MailboxKey(AccountId(account), MailboxName(target)) for account, target in db.execute(_TARGETS)]


def find_entries(db: sqlite3.Connection, places: Iterable[Location], contents: Iterable[str]) -> list[EntrySeq]:
    """Give the entries that lie or lay at any of these places, or were moved there, or have any of these content
    identities.
    """
    at = [(*place.key, place.uidvalidity, place.uid) for place in places]
    found = {seq for place in at for sql in (_AT, _PUT_AT) for (seq,) in db.execute(sql, place)}
    known = [content for content in contents if content not in ("", NO_IDENTITY)]
    found.update(seq for (seq,) in db.execute(_WITH_CONTENT, (json.dumps(known),)))
    return [EntrySeq(seq) for seq in sorted(found)]
