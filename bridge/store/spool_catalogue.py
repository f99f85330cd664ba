"""What is spooled of one account, in memory: a RETR asks no database."""

from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from bridge.model.names import EntrySeq

DIGEST = 32
"""Octets of a SHA-256."""


class Spooled(NamedTuple):
    """A spooled message: the SHA-256 of its octets, which names its file, and how many they are."""

    digest: bytes
    octets: int


class Fit(NamedTuple):
    """New entries to be kept, and old ones that have to go for them."""

    taken: list[EntrySeq]
    gone: list[EntrySeq]


class SpoolCatalogue:
    """An account's spooled messages by entry, in columns: 48 octets a message, where objects take 300.

    `total` is how many octets they have together.
    """

    __slots__ = ("_digests", "_entries", "_octets", "total")

    def __init__(self) -> None:
        self.total = 0
        self._entries = array("q")
        self._octets = array("q")
        self._digests = bytearray()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, entry: int) -> bool:
        return self._place(entry) >= 0

    def find(self, entry: EntrySeq) -> Spooled | None:
        """Give what is spooled of an entry."""
        at = self._place(entry)
        if at < 0:
            return None
        return Spooled(bytes(self._digests[at * DIGEST : (at + 1) * DIGEST]), self._octets[at])

    def missing(self, entries: Iterable[int]) -> set[int]:
        """Give those of some entries that are not spooled."""
        return set(entries).difference(self._entries)

    def put(self, entry: EntrySeq, spooled: Spooled) -> None:
        """Add an entry, in place of what was spooled of it before."""
        self.drop([entry])
        at = bisect_left(self._entries, entry)
        self._entries.insert(at, entry)
        self._octets.insert(at, spooled.octets)
        self._digests[at * DIGEST : at * DIGEST] = spooled.digest
        self.total += spooled.octets

    def drop(self, entries: Collection[EntrySeq]) -> None:
        """Take entries out; those that are not in it are passed over."""
        for entry in entries:
            if (at := self._place(entry)) >= 0:
                self.total -= self._octets[at]
                del self._entries[at], self._octets[at], self._digests[at * DIGEST : (at + 1) * DIGEST]

    def oldest(self, octets: int) -> list[EntrySeq]:
        """Give the oldest entries that have so many octets together, and none more than it takes."""
        return self._oldest(octets, 0, len(self))

    def fit(self, new: Sequence[tuple[EntrySeq, int]], most: int) -> "Fit":
        """Choose which new messages, given with their octets, to keep within so many octets, and which old ones have to
        go: a newer message never goes for an older one.
        """
        taken: list[EntrySeq] = []
        gone: list[EntrySeq] = []
        over = self.total - most
        for entry, octets in sorted(new, reverse=True):
            older = bisect_left(self._entries, entry)
            room = self._oldest(over + octets, len(gone), older)
            freed = sum(self._octets[len(gone) : len(gone) + len(room)])
            if entry not in self and over + octets <= freed:
                taken.append(entry)
                gone += room
                over += octets - freed
        return Fit(taken, gone)

    def _oldest(self, octets: int, first: int, end: int) -> list[EntrySeq]:
        found: list[EntrySeq] = []
        for at in range(first, end):
            if octets <= 0:
                break
            found.append(EntrySeq(self._entries[at]))
            octets -= self._octets[at]
        return found

    def _place(self, entry: int) -> int:
        at = bisect_left(self._entries, entry)
        return at if at < len(self._entries) and self._entries[at] == entry else -1
