"""Giving what is known of a device. In columns: it is looked at before a login, and may be 100,000 messages."""

import sqlite3
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import overload

from bridge.model.devices import Announced, StoredDevice
from bridge.model.names import AccountId, DeviceId, EntrySeq, MailboxName, Uidl
from bridge.model.places import MailboxKey
from bridge.store.rows import known_device, one_moment

_ANNOUNCED = (
    "SELECT r.entry, r.position, coalesce(r.date, 0), h.entry IS NOT NULL, e.gone_at IS NOT NULL FROM receipts r"
    " JOIN entries e ON e.seq = r.entry LEFT JOIN hides h ON h.device = r.device AND h.entry = r.entry"
    " WHERE r.device = ?1 AND r.position IS NOT NULL"
    " AND (?2 OR h.entry IS NULL AND e.gone_at IS NULL) ORDER BY r.position"
)
_UIDLS = (
    "SELECT e.uidl FROM receipts r JOIN entries e ON e.seq = r.entry WHERE r.device = ? AND r.position IS NOT NULL"
    " ORDER BY r.position"
)
_DECIDED = (
    "SELECT entry FROM receipts WHERE device = ?1 AND position IS NOT NULL UNION SELECT entry FROM hides"
    " WHERE device = ?1 UNION SELECT entry FROM duplicates WHERE device = ?1 ORDER BY entry"
)
_HIDDEN = "SELECT entry FROM hides WHERE device = ? ORDER BY entry"
_DUPLICATES = "SELECT entry, original FROM duplicates WHERE device = ?"
_ALIASES = "SELECT entry, uidl FROM aliases WHERE device = ?"
_ORIGINALS = (
    "SELECT e.seq, coalesce(a.uidl, e.uidl) FROM (SELECT DISTINCT original FROM duplicates WHERE device = ?1) d"
    " JOIN entries e ON e.seq = d.original LEFT JOIN aliases a ON a.device = ?1 AND a.entry = e.seq"
)
_SHOWN = (
    "SELECT a.name, m.name, s.first_shown FROM device_sources s JOIN mailboxes m ON m.id = s.mailbox"
    " JOIN accounts a ON a.id = m.account WHERE s.device = ? AND s.first_shown IS NOT NULL"
)
_NEXT = "SELECT coalesce(max(position) + 1, 0) FROM receipts WHERE device = ? AND position IS NOT NULL"
_EVER_ANNOUNCED = "SELECT EXISTS (SELECT 1 FROM receipts WHERE device = ? AND announced_at IS NOT NULL)"
_ACCESSED = (
    "SELECT coalesce(max(position), -1) FROM receipts WHERE device = ? AND position IS NOT NULL AND sent_at IS NOT NULL"
)


class InOrder(Sequence[Announced]):
    """Announced entries in the order of their positions, kept as columns: 26 octets each, where records take 300."""

    def __init__(self, rows: Iterable[tuple[int, int, int, int, int]]) -> None:
        self._seqs, self._positions, self._dates = array("q"), array("q"), array("q")
        self._hidden, self._gone = bytearray(), bytearray()
        for seq, position, date, hidden, gone in rows:
            self._seqs.append(seq)
            self._positions.append(position)
            self._dates.append(date)
            self._hidden.append(hidden)
            self._gone.append(gone)

    def __len__(self) -> int:
        return len(self._seqs)

    @overload
    def __getitem__(self, at: int) -> Announced: ...
    @overload
    def __getitem__(self, at: slice) -> list[Announced]: ...
    def __getitem__(self, at: int | slice) -> Announced | list[Announced]:
        if isinstance(at, slice):
            return [self[number] for number in range(*at.indices(len(self)))]
        where = (self._seqs[at], self._positions[at], self._dates[at])
        return _announced(*where, self._hidden[at], self._gone[at])

    def __iter__(self) -> Iterator[Announced]:
        return map(_announced, self._seqs, self._positions, self._dates, self._hidden, self._gone)


def _announced(seq: int, position: int, date: int, hidden: int, gone: int) -> Announced:
    return Announced(EntrySeq(seq), position, date, bool(hidden), bool(gone))


def load_device(db: sqlite3.Connection, name: DeviceId, everything: bool) -> StoredDevice:
    """Give a device as it is at this moment; one that was never seen has nothing."""
    with one_moment(db):
        device = known_device(db, name)
        return StoredDevice(name) if device is None else _load(db, name, device, everything)


def _load(db: sqlite3.Connection, name: DeviceId, device: int, everything: bool) -> StoredDevice:
    here = (device,)
    following = next_position(db, device)
    shown = {MailboxKey(AccountId(a), MailboxName(m)): since for a, m, since in db.execute(_SHOWN, here)}
    return StoredDevice(
        device=name,
        announced=InOrder(db.execute(_ANNOUNCED, (device, everything))),
        decided=_column(db.execute(_DECIDED, here)),
        hidden=_column(db.execute(_HIDDEN, here)),
        duplicates={EntrySeq(copy): EntrySeq(original) for copy, original in db.execute(_DUPLICATES, here)},
        aliases={EntrySeq(seq): Uidl(uidl) for seq, uidl in db.execute(_ALIASES, here)},
        originals={EntrySeq(seq): Uidl(uidl) for seq, uidl in db.execute(_ORIGINALS, here)},
        shown=frozenset(shown),
        uidls=[Uidl(uidl) for (uidl,) in db.execute(_UIDLS, here)] if everything else (),
        next_position=following,
        accessed=db.execute(_ACCESSED, here).fetchone()[0],
        anew=shown if following == 0 and db.execute(_EVER_ANNOUNCED, here).fetchone()[0] else {},
    )


def _column(rows: Iterable[tuple[int]]) -> "array[int]":
    return array("q", chain.from_iterable(rows))


def next_position(db: sqlite3.Connection, device: int) -> int:
    """Give the position that a device's next announced entry gets."""
    return int(db.execute(_NEXT, (device,)).fetchone()[0])
