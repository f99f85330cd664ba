"""Sets of UIDs or message numbers (RFC 3501 §9, sequence-set), kept as sorted ranges in eight octets each."""

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Final, final

from bridge.imap.errors import ImapProtocolError
from bridge.imap.limits import MAX_U32, SET_TEXT_OCTETS

_SET: Final = re.compile(rb"(?:[0-9]{1,10}(?::[0-9]{1,10})?,)*[0-9]{1,10}(?::[0-9]{1,10})?")


@final
class UidSet:
    """An immutable set of numbers 1..2**32-1. Iterates upwards. `1:4294967295` is one range: mind what you iterate."""

    __slots__ = ("_firsts", "_lasts", "_size")

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        """Take inclusive ranges in any order; they may overlap. Raises ValueError for numbers out of range."""
        ordered = sorted((low, high) if low <= high else (high, low) for low, high in ranges)
        if ordered and (ordered[0][0] < 1 or max(high for _, high in ordered) > MAX_U32):
            raise ValueError("a message number or UID is 1..2**32-1")
        self._firsts, self._lasts = _merge(ordered)
        self._size = sum(self._lasts) - sum(self._firsts) + len(self._firsts)

    @classmethod
    def from_uids(cls, uids: Iterable[int]) -> "UidSet":
        """Make a set of single numbers, in any order, repeated or not. Raises ValueError for numbers out of range."""
        ordered = sorted(uids)
        if len(ordered) > 1 and _consecutive(ordered):
            return cls([(ordered[0], ordered[-1])])
        return cls((uid, uid) for uid in ordered)

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


def _ranges(octets: bytes) -> Iterator[tuple[int, int]]:
    for item in octets.split(b","):
        first, colon, last = item.partition(b":")
        yield int(first), int(last) if colon else int(first)


def _consecutive(ordered: list[int]) -> bool:
    # The common mailbox, and worth a look: as many numbers as the range holds, all different.
    return ordered[-1] - ordered[0] == len(ordered) - 1 and len(set(ordered)) == len(ordered)


def _merge(ordered: list[tuple[int, int]]) -> tuple["array[int]", "array[int]"]:
    firsts: array[int] = array("I")
    lasts: array[int] = array("I")
    for first, last in ordered:
        if lasts and first <= lasts[-1] + 1:
            lasts[-1] = max(lasts[-1], last)
        else:
            firsts.append(first)
            lasts.append(last)
    return firsts, lasts
