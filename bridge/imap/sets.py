"""Sets of UIDs or message numbers (RFC 3501 §9, sequence-set), kept as sorted ranges in eight octets each."""

import heapq
import re
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Final, final

from bridge.imap.errors import ImapProtocolError
from bridge.imap.limits import MAX_U32, SET_TEXT_OCTETS

OUT_OF_RANGE: Final = "a message number or UID is 1..2**32-1"
_SET: Final = re.compile(rb"(?:[0-9]{1,10}(?::[0-9]{1,10})?,)*[0-9]{1,10}(?::[0-9]{1,10})?")


@final
class UidSet:
    """An immutable set of numbers 1..2**32-1. Iterates upwards. `1:4294967295` is one range: mind what you iterate."""

    __slots__ = ("_firsts", "_lasts", "_size")

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        """Take inclusive ranges in any order; they may overlap. Raises ValueError for numbers out of range."""
        ordered = sorted((low, high) if low <= high else (high, low) for low, high in ranges)
        if ordered and (ordered[0][0] < 1 or max(high for _, high in ordered) > MAX_U32):
            raise ValueError(OUT_OF_RANGE)
        self._of(*_merge(ordered))

    def _of(self, firsts: "array[int]", lasts: "array[int]") -> "UidSet":
        self._firsts, self._lasts = firsts, lasts
        self._size = sum(lasts) - sum(firsts) + len(firsts)
        return self

    @classmethod
    def from_uids(cls, uids: Iterable[int]) -> "UidSet":
        """Make a set of single numbers, in any order, repeated or not. Raises ValueError for numbers out of range."""
        there = set(uids)
        ordered = sorted(there)
        if ordered and (ordered[0] < 1 or ordered[-1] > MAX_U32):
            raise ValueError(OUT_OF_RANGE)
        if len(ordered) > 1 and ordered[-1] - ordered[0] == len(ordered) - 1:  # the common mailbox
            return cls([(ordered[0], ordered[-1])])
        firsts = array("I", [uid for uid in ordered if uid - 1 not in there])
        return cls()._of(firsts, array("I", [uid for uid in ordered if uid + 1 not in there]))

    @classmethod
    def parse(cls, text: bytes | str) -> "UidSet":
        """Read `1:5,7`. Raises `ImapProtocolError` for anything else, `*` included: a server has no use for it."""
        octets = text.encode("ascii", "replace") if isinstance(text, str) else text
        if not _SET.fullmatch(octets):
            raise ImapProtocolError("The server sent a set of message numbers that is none.")
        try:
            return cls(_ranges(octets))
        except ValueError as mistake:
            raise ImapProtocolError("The server sent a message number out of range.") from mistake

    def _append(self, some: "UidSet") -> bool:
        """Add numbers that come behind those there are, leaving the size to `_of`; False where they do not."""
        if self._lasts and some._firsts and some._firsts[0] <= self._lasts[-1]:
            return False
        touching = bool(self._lasts and some._firsts) and some._firsts[0] == self._lasts[-1] + 1
        if touching:
            self._lasts[-1] = some._lasts[0]
        self._firsts.extend(some._firsts[touching:])
        self._lasts.extend(some._lasts[touching:])
        return True

    @property
    def width(self) -> int:
        """How many ranges it is, which is what it takes in memory."""
        return len(self._firsts)

    def ranges(self) -> Iterator[tuple[int, int]]:
        """Give the ranges upwards, first and last included, no two of them touching."""
        return zip(self._firsts, self._lasts, strict=True)

    def text(self) -> str:
        """Write the set as IMAP does. Empty for the empty set, which no command can carry."""
        return ",".join(str(first) if first == last else f"{first}:{last}" for first, last in self.ranges())

    def pieces(self, octets: int = SET_TEXT_OCTETS) -> "Iterator[UidSet]":
        """Cut the set into sets whose text is at most `octets` long (at least one range each): one per command."""
        piece: list[tuple[int, int]] = []
        length = 0
        for first, last in self.ranges():
            cost = len(str(first)) + 1 + (len(str(last)) + 1 if last != first else 0)
            if piece and length + cost > octets + 1:
                yield UidSet(piece)
                piece, length = [], 0
            piece.append((first, last))
            length += cost
        if piece:
            yield UidSet(piece)

    def __iter__(self) -> Iterator[int]:
        for first, last in self.ranges():
            yield from range(first, last + 1)

    def __len__(self) -> int:
        return self._size

    def __bool__(self) -> bool:
        return self._size > 0

    def __contains__(self, uid: object) -> bool:
        if not isinstance(uid, int):
            return False
        at = bisect_right(self._firsts, uid)
        return at > 0 and uid <= self._lasts[at - 1]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UidSet) and self._firsts == other._firsts and self._lasts == other._lasts

    def __hash__(self) -> int:
        return hash((self._firsts.tobytes(), self._lasts.tobytes()))

    def __repr__(self) -> str:
        text = self.text()
        return f"UidSet({text if len(text) <= 80 else text[:80] + '…'})"


class Gathered:
    """Numbers that come set by set, mostly upwards: little more than they take as one set is kept meanwhile."""

    def __init__(self) -> None:
        self._set = UidSet()
        self._late: list[UidSet] = []
        self.late = 0

    @property
    def ranges(self) -> int:
        """How many ranges are kept; `late` is how many of these came after higher ones."""
        return self._set.width + self.late

    def add(self, some: UidSet) -> None:
        """Take the next set."""
        self._late += [] if self._set._append(some) else [some]
        self.late = sum(each.width for each in self._late)

    def all(self) -> UidSet:
        """Give the set of all; nothing can be added any more."""
        if self._late:
            self._set._of(*_merge(heapq.merge(*(each.ranges() for each in (self._set, *self._late)))))
        return self._set._of(self._set._firsts, self._set._lasts)


def _ranges(octets: bytes) -> Iterator[tuple[int, int]]:
    for item in octets.split(b","):
        first, colon, last = item.partition(b":")
        yield int(first), int(last) if colon else int(first)


def _merge(ordered: Iterable[tuple[int, int]]) -> tuple["array[int]", "array[int]"]:
    firsts: array[int] = array("I")
    lasts: array[int] = array("I")
    for first, last in ordered:
        if lasts and first <= lasts[-1] + 1:
            lasts[-1] = max(lasts[-1], last)
        else:
            firsts.append(first)
            lasts.append(last)
    return firsts, lasts
