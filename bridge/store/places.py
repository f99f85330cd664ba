"""The rows of a mailbox: which message lies where, and when a place or an entry ends. By sets and not by rows: a first
listing is 100,000 messages.
"""

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count, repeat

from bridge.model.names import EntrySeq, Uid, Uidl
from bridge.model.places import NO_IDENTITY, ListedMessage, StoredMessage
from bridge.store.bulk import Insert
from bridge.store.rows import MESSAGE

Name = Callable[[Uid, int], Uidl]

_ENTRIES = Insert("entries(seq, uidl, first_seen)", 3)
_PLACES = Insert(
    "locations(entry, mailbox, uidvalidity, uid, size, measured, date, provider_identity, content_identity, subject)",
    10,
)

# A named tuple's own constructor is written in Python, and takes three times as long.
_NEW_STORED: Callable[[Iterable[object]], StoredMessage] = partial(tuple.__new__, StoredMessage)

_ANYTHING = tuple(
    f"SELECT 1 FROM locations WHERE mailbox = ? AND uidvalidity = ? AND uid BETWEEN ? AND ? AND {which} LIMIT 1"  # noqa: S608
    for which in ("gone_at IS NULL", "gone_at IS NOT NULL")
)

ATTEMPTS = 1000
"""Candidates tried for one unique-id. Each retry means that an id was issued before for another entry at the very same
place, so more than a few is a fault in whoever names them."""


@dataclass(frozen=True, slots=True)
class OpenMailbox:
    """A mailbox's row under the UIDVALIDITY that a change is about."""

    db: sqlite3.Connection
    row: int
    uidvalidity: int
    now: float


@dataclass(frozen=True, slots=True)
class Found:
    """What a look found at a mailbox's places: lines of the listing, and content identities where they are known.
    `renamed` are UIDs that name another message than before: no entry that ever lay there comes back.
    """

    listed: Sequence[ListedMessage]
    contents: Mapping[Uid, str]
    renamed: Collection[Uid] = frozenset()


def end_places(mailbox: OpenMailbox, where: str, values: tuple[object, ...]) -> list[int]:
    """End the live places that `where` names; gives their entries, for `end_entries`."""
    sql = f"UPDATE locations SET gone_at = ? WHERE mailbox = ? AND gone_at IS NULL AND {where} RETURNING entry"  # noqa: S608 - `where` is ours
    return [entry for (entry,) in mailbox.db.execute(sql, (mailbox.now, mailbox.row, *values)).fetchall()]


def end_uids(mailbox: OpenMailbox, uids: Iterable[Uid]) -> list[int]:
    """End the places at these UIDs; gives their entries."""
    where = "uidvalidity = ? AND uid IN (SELECT value FROM json_each(?))"
    return end_places(mailbox, where, (mailbox.uidvalidity, json.dumps(list(uids))))


def end_all_but(mailbox: OpenMailbox, uidvalidity: int) -> list[int]:
    """End the places under other UIDVALIDITYs; gives their entries."""
    # Two ranges of the index; "<>" would walk through all that is there.
    ranges = ("uidvalidity < ?", "uidvalidity > ?")
    return [entry for other in ranges for entry in end_places(mailbox, other, (uidvalidity,))]


def end_entries(db: sqlite3.Connection, entries: Iterable[int], now: float) -> None:
    """Of these entries, those whose last place ended are gone."""
    db.execute(
        "UPDATE entries SET gone_at = ? WHERE seq IN (SELECT value FROM json_each(?)) AND gone_at IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM locations WHERE entry = seq AND gone_at IS NULL)",
        (now, json.dumps(list(entries))),
    )


def append(mailbox: OpenMailbox, found: Found, name: Name) -> dict[Uid, StoredMessage]:
    """Give what lies at the listed places: what is known there, what came back to where it was, or a new entry."""
    listed: dict[Uid, ListedMessage] = {}
    for message in found.listed:
        listed.setdefault(message.uid, message)
    if _untouched(mailbox, listed):
        return _insert(mailbox, list(listed.values()), found, name)
    known = {message.uid: message for _, message in at_places(mailbox, listed, "l.gone_at IS NULL")}
    known.update(_revive(mailbox, [message for uid, message in listed.items() if uid not in known], found))
    known = learn(mailbox, known, listed, found.contents)
    known.update(_insert(mailbox, [message for uid, message in listed.items() if uid not in known], found, name))
    return known


def _untouched(mailbox: OpenMailbox, uids: Collection[Uid]) -> bool:
    """True when nothing lies or lay anywhere from the lowest to the highest of these UIDs, as at a first listing."""
    span = (mailbox.row, mailbox.uidvalidity, min(uids, default=0), max(uids, default=0))
    return not any(mailbox.db.execute(sql, span).fetchone() for sql in _ANYTHING)


def at_places(mailbox: OpenMailbox, uids: Iterable[Uid], which: str) -> list[tuple[int, StoredMessage]]:
    """Give locations and their messages at these UIDs, oldest first. `which` is a condition on location and entry."""
    rows = mailbox.db.execute(
        f"SELECT l.id, {MESSAGE}"  # noqa: S608 - `which` is ours
        " FROM json_each(?) AS asked CROSS JOIN locations AS l"
        f" ON l.mailbox = ? AND l.uidvalidity = ? AND l.uid = asked.value AND {which}"
        " JOIN entries AS e ON e.seq = l.entry ORDER BY l.id",
        (json.dumps(list(uids)), mailbox.row, mailbox.uidvalidity),
    )
    return [(row, StoredMessage._make(message)) for row, *message in rows]


def learn(
    mailbox: OpenMailbox,
    known: Mapping[Uid, StoredMessage],
    listed: Mapping[Uid, ListedMessage],
    contents: Mapping[Uid, str],
) -> dict[Uid, StoredMessage]:
    """Write the identities that a look found for live places, where they tell more than is known; gives all rows."""
    rows = dict(known)
    for uid, row in known.items():
        provider = listed[uid].identity or row.provider
        content = contents.get(uid, "") or row.content
        if (provider, content) != (row.provider, row.content):
            rows[uid] = row._replace(provider=provider, content=content)
    place = (mailbox.row, mailbox.uidvalidity)
    mailbox.db.executemany(
        "UPDATE locations SET provider_identity = ?, content_identity = ?"
        " WHERE mailbox = ? AND uidvalidity = ? AND uid = ? AND gone_at IS NULL",
        [(row.provider, row.content, *place, uid) for uid, row in rows.items() if row is not known[uid]],
    )
    return rows


def _revive(mailbox: OpenMailbox, listed: Sequence[ListedMessage], found: Found) -> dict[Uid, StoredMessage]:
    """What is back at the place where it was, with its size, is the message it was: with its id and its hides. Unless
    identities say otherwise, or it lives elsewhere by now: an entry never lies at two places.
    """
    lines = {message.uid: message for message in listed if message.uid not in found.renamed}
    back: dict[EntrySeq, tuple[int, StoredMessage]] = {}
    taken: set[Uid] = set()
    gone = at_places(mailbox, lines, "l.gone_at IS NOT NULL AND e.gone_at IS NOT NULL")
    for place, message in sorted(gone, key=lambda each: _resemblance(each, lines, found.contents)):
        line, content = lines[message.uid], found.contents.get(message.uid, "")
        alike = message.size == line.size and not _another(message, line, content)
        if alike and message.uid not in taken and message.seq not in back:
            back[message.seq] = (place, message)
            taken.add(message.uid)
    mailbox.db.executemany("UPDATE locations SET gone_at = NULL WHERE id = ?", [(row,) for row, _ in back.values()])
    mailbox.db.executemany("UPDATE entries SET gone_at = NULL WHERE seq = ?", [(seq,) for seq in back])
    return {message.uid: message for _, message in back.values()}


def _resemblance(
    gone: tuple[int, StoredMessage], lines: Mapping[Uid, ListedMessage], contents: Mapping[Uid, str]
) -> tuple[bool, bool, int]:
    """Sort first what has the content, then what has the provider's identity, then what was there last."""
    place, message = gone
    content = contents.get(message.uid, "")
    same = bool(content) and content == message.content
    return (not same, message.provider != lines[message.uid].identity, -place)


def _another(old: StoredMessage, line: ListedMessage, content: str) -> bool:
    """Tell whether identities know that this is another message: the content's decides, else the provider's."""
    if _tells(old.content) and _tells(content):
        return old.content != content
    kinds = (old.provider.partition(":")[0], line.identity.partition(":")[0])
    return bool(old.provider) and kinds[0] == kinds[1] and old.provider != line.identity


def _tells(content: str) -> bool:
    return content not in ("", NO_IDENTITY)


def _insert(
    mailbox: OpenMailbox, listed: Sequence[ListedMessage], found: Found, name: Name
) -> dict[Uid, StoredMessage]:
    """Make entries for messages never seen, in the order of the listing."""
    if not listed:
        return {}
    last = mailbox.db.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'entries'").fetchone()[0]
    uidls = [name(message.uid, 0) for message in listed]
    if not _issue(mailbox, last, uidls):
        uidls = _unused(mailbox.db, [message.uid for message in listed], name)
        _issue(mailbox, last, uidls)
    uids, sizes, dates, identities = zip(*listed, strict=True)
    contents = map(found.contents.get, uids, repeat("")) if found.contents else repeat("")
    unknown, seen = repeat(-1), repeat(int(mailbox.now))
    columns = (count(last + 1), uidls, uids, sizes, unknown, dates, seen, identities, contents, unknown)
    new = list(map(_NEW_STORED, zip(*columns, strict=False)))
    insert_places(mailbox, new)
    return dict(zip(uids, new, strict=True))


def _issue(mailbox: OpenMailbox, last: int, uidls: Sequence[Uidl]) -> bool:
    """Make an entry for each unique-id, numbered from behind `last` on. False, and nothing is made, when one of them
    was issued before, or stands here twice.
    """
    db = mailbox.db
    db.execute("SAVEPOINT issue")
    _ENTRIES.rows(db, list(zip(count(last + 1), uidls, repeat(mailbox.now), strict=False)))
    # In the order in which they lie there: fewer pages, and each is looked for once.
    issued = db.execute(
        "INSERT INTO issued_ids(uidl, entry) SELECT uidl, seq FROM entries WHERE seq > ? ORDER BY uidl"
        " ON CONFLICT DO NOTHING",
        (last,),
    )
    done = issued.rowcount == len(uidls)
    if not done:
        db.execute("ROLLBACK TO issue")
    db.execute("RELEASE issue")
    return done


def insert_places(mailbox: OpenMailbox, messages: Sequence[StoredMessage]) -> None:
    """Make live places for entries that are there."""
    if not messages:
        return
    seqs, _, uids, sizes, measured, dates, _, providers, contents, subjects = zip(*messages, strict=True)
    here = (repeat(mailbox.row), repeat(mailbox.uidvalidity))
    columns = (seqs, *here, uids, sizes, measured, dates, providers, contents, subjects)
    _PLACES.rows(mailbox.db, list(zip(*columns, strict=False)))


def _unused(db: sqlite3.Connection, uids: Sequence[Uid], name: Name) -> list[Uidl]:
    """Give each its first candidate that was never issued: ids are kept for ever."""
    chosen = {uid: name(uid, 0) for uid in uids}
    taken: set[Uidl] = set()
    free: list[Uidl] = []
    issued = _issued(db, list(chosen.values()))
    for uid, candidate in chosen.items():
        attempt = 0
        while candidate in issued or candidate in taken:
            attempt += 1
            if attempt > ATTEMPTS:
                raise ValueError(f"no unique-id that was never issued for UID {uid}")
            candidate = name(uid, attempt)
            issued |= _issued(db, [candidate])
        taken.add(candidate)
        free.append(candidate)
    return free


def _issued(db: sqlite3.Connection, candidates: list[Uidl]) -> set[Uidl]:
    sql = "SELECT uidl FROM issued_ids WHERE uidl IN (SELECT value FROM json_each(?))"
    return {Uidl(row[0]) for row in db.execute(sql, (json.dumps(candidates),))}
