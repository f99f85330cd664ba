"""The spool's table: which file has an entry's octets, of which account, and since when."""

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from bridge.model.names import AccountId, EntrySeq
from bridge.store.spool_catalogue import Spooled

_ALL = "SELECT a.name, s.entry, s.digest, s.octets FROM spool s JOIN accounts a ON a.id = s.account ORDER BY s.entry"
_ADD = (
    "INSERT OR REPLACE INTO spool(entry, account, digest, octets, stored_at)"
    " SELECT e.seq, a.id, ?, ?, ? FROM entries e, accounts a WHERE e.seq = ? AND a.name = ?"
)
_TAKE_OUT = "DELETE FROM spool WHERE entry IN (SELECT value FROM json_each(?)) RETURNING entry, digest"
_TAKE_OUT_FILE = "DELETE FROM spool WHERE digest = ? RETURNING entry, digest"
_GONE = (
    "SELECT s.entry FROM spool s JOIN entries e ON e.seq = s.entry AND e.gone_at IS NOT NULL AND e.gone_at <= ? LIMIT ?"
)
_TOO_OLD = (
    "SELECT s.entry FROM spool s JOIN accounts a ON a.id = s.account AND a.name = ? WHERE s.stored_at <= ? LIMIT ?"
)
_OF_OTHERS = (
    "SELECT s.entry FROM spool s JOIN accounts a ON a.id = s.account"
    " WHERE a.name NOT IN (SELECT value FROM json_each(?)) LIMIT ?"
)
_USED = "SELECT 1 FROM spool WHERE digest = ? LIMIT 1"
_IN_SHARD = "SELECT DISTINCT digest FROM spool WHERE digest >= ?1 AND (?2 IS NULL OR digest < ?2)"


class SpoolRow(NamedTuple):
    """An entry that is spooled."""

    entry: EntrySeq
    spooled: Spooled


class TakenOut(NamedTuple):
    """Entries that were spooled, and the files they had: such a file may be another entry's as well."""

    entries: list[EntrySeq]
    digests: Collection[bytes]


def load(db: sqlite3.Connection) -> dict[AccountId, list[SpoolRow]]:
    """Give what is spooled of every account, by entry."""
    found: dict[AccountId, list[SpoolRow]] = {}
    for account, entry, digest, octets in db.execute(_ALL):
        found.setdefault(AccountId(account), []).append(SpoolRow(EntrySeq(entry), Spooled(digest, octets)))
    return found


def replace(
    db: sqlite3.Connection, account: AccountId, rows: Sequence[SpoolRow], gone: Collection[EntrySeq], now: float
) -> Collection[bytes]:
    """Write rows for files that are there, and take other entries out; gives the files that had these."""
    taken = take_out(db, [*gone, *(row.entry for row in rows)])
    db.executemany(_ADD, [(*row.spooled, now, row.entry, account) for row in rows])
    return taken.digests


def take_out(db: sqlite3.Connection, entries: Iterable[EntrySeq]) -> TakenOut:
    """Take entries out."""
    return _taken(db.execute(_TAKE_OUT, (json.dumps(list(entries)),)))


def take_out_files(db: sqlite3.Connection, digests: Iterable[bytes]) -> TakenOut:
    """Take out all entries that have one of these files."""
    return _taken(chain.from_iterable(db.execute(_TAKE_OUT_FILE, (digest,)).fetchall() for digest in digests))


def _taken(rows: Iterable[tuple[int, bytes]]) -> TakenOut:
    found = list(rows)
    return TakenOut([EntrySeq(entry) for entry, _ in found], {digest for _, digest in found})


def outdated(
    db: sqlite3.Connection, kept_since: Mapping[AccountId, float], gone_before: float, limit: int
) -> list[EntrySeq]:
    """Give up to so many entries that are not to be kept: those that are gone since before a Unix time, those stored
    before their account's, and those of accounts that have none.
    """
    rows = db.execute(_GONE, (gone_before, limit)).fetchall()
    rows += db.execute(_OF_OTHERS, (json.dumps(list(kept_since)), limit)).fetchall()
    for account, since in kept_since.items():
        rows += db.execute(_TOO_OLD, (account, since, limit)).fetchall()
    return [EntrySeq(entry) for (entry,) in rows[:limit]]


def unused(db: sqlite3.Connection, digests: Collection[bytes]) -> list[bytes]:
    """Give those digests that no row has."""
    return [digest for digest in digests if db.execute(_USED, (digest,)).fetchone() is None]


def in_shard(db: sqlite3.Connection, first: int) -> set[bytes]:
    """Give the digests of all rows that begin with one octet."""
    upto = bytes([first + 1]) if first < 0xFF else None
    return {digest for (digest,) in db.execute(_IN_SHARD, (bytes([first]), upto))}
