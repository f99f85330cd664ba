"""Columns: 100,000 unique-ids in 1.6 MB where string objects take eight, and what is done to columns as a whole."""

from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import overload

from bridge.model.names import Uidl

OCTETS = 16
"""Octets of one unique-id before it is written out as 32 hexadecimal digits; of a packed identity, too."""

NO_NAMES: Mapping[int, Uidl] = MappingProxyType({})

Runs = Sequence[tuple[int, int]]
"""Rows as ranges, from the first up to but not including the second: most changes leave long stretches as they are."""


class UidlColumn(Sequence[str]):
    """An immutable sequence of unique-ids over one bytes object. `names` has those that stand in place of a packed one,
    by place, and may be of any form.
    """

    __slots__ = ("names", "raw")

    def __init__(self, raw: bytes = b"", names: Mapping[int, Uidl] = NO_NAMES) -> None:
        self.raw = raw
        self.names = names

    @classmethod
    def of(cls, uidls: Iterable[Uidl]) -> "UidlColumn":
        """Pack unique-ids, each of 32 hexadecimal digits."""
        return cls(bytes.fromhex("".join(uidls)))

    def __len__(self) -> int:
        return len(self.raw) // OCTETS

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            digits = self.raw[start * OCTETS : stop * OCTETS].hex()
            width = OCTETS * 2
            found = [digits[at : at + width] for at in range(0, len(digits), width)]
            if self.names:
                found = [self.names.get(at, uidl) for at, uidl in enumerate(found, start)]
            return found[::step]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        at = index % len(self)
        return self.names.get(at) or self.octets(at).hex()

    def octets(self, index: int) -> bytes:
        """Give one unique-id packed, as it is without its name."""
        return self.raw[index * OCTETS : (index + 1) * OCTETS]


def places(column: Sequence[int], wanted: Collection[int]) -> Iterator[int]:
    """Give the places of those that are in the column, in any order. Columns mostly ascend, so that each is a few steps
    away; what is not found so is looked for from end to end.
    """
    astray: set[int] = set()
    for number in wanted:
        at = bisect_left(column, number)
        if at < len(column) and column[at] == number:
            yield at
        else:
            astray.add(number)
    if astray:
        yield from (at for at, number in enumerate(column) if number in astray)


def all_but(places: Sequence[int], rows: int) -> Runs:
    """Give all of so many rows but those at these ascending places."""
    return list(zip([0, *(at + 1 for at in places)], [*places, rows], strict=True))


def picked(column: "array[int]", runs: Runs) -> "array[int]":
    """Give a new column of these rows."""
    found = array(column.typecode)
    for start, stop in runs:
        found += column[start:stop]
    return found


def picked_octets(column: bytes, runs: Runs, width: int = 1) -> bytes:
    """Give a new column of these rows, each `width` octets; an empty column stays empty."""
    return b"".join([column[start * width : stop * width] for start, stop in runs])


def joined(first: bytes, rows: int, second: bytes, more: int) -> bytes:
    """Put one column of identities behind another, of `rows` and `more` rows: empty stands for nothing but zeros."""
    if not first and not second:
        return b""
    return (first or bytes(rows * OCTETS)) + (second or bytes(more * OCTETS))


def packed(digests: Iterable[bytes]) -> bytes:
    """Make a column of identities; empty when there is none at all, so that it costs nothing where it tells nothing."""
    column = b"".join(digests)
    return column if column.count(0) < len(column) else b""
