"""Long listings as they go out, kept for the next poll: devices ask for the same lines again and again."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import trio

from bridge.maildrop.columns import OCTETS, UidlColumn

ROWS = 1600
"""Messages in one slice: about 64 KiB of unique-ids, sent before the next is looked at."""

MOST = 32 * 1024 * 1024
"""Octets of lines kept in all: UIDL and LIST of six maildrops of 100,000 messages."""

UNASKED = 900.0
"""Seconds without anybody asking after which lines are dropped: a device that polls comes back sooner."""

Make = Callable[[int, Any], bytes]
"""Gives the lines of messages from a number on, out of a part of the column."""


@dataclass(slots=True)
class _Kept:
    column: Sequence[object]
    slices: list[bytes]
    octets: int
    asked: float


class Listings:
    """Keeps the lines of columns, by the column itself: columns never change, and devices that see the same share
    them. A column that is mostly like one before takes over what is alike, in whole slices, and its place. `octets` is
    how many are kept now.
    """

    def __init__(self, most: int = MOST) -> None:
        self.octets = 0
        self._most = most
        self._kept: OrderedDict[int, _Kept] = OrderedDict()

    def slices(self, column: Sequence[object], make: Make) -> Iterator[bytes]:
        """Give the lines of a whole column, slice by slice; `make` is asked only for what is not kept."""
        now = trio.current_time()
        self._drop(now)
        kept = self._kept.get(id(column))
        if kept is not None:
            kept.asked = now
            self._kept.move_to_end(id(column))
            yield from kept.slices
            return
        former = self._former(column)
        made: list[bytes] = []
        again = 0
        for at, first in enumerate(range(0, len(column), ROWS)):
            if former is not None and at < len(former.slices) and _alike(column, former.column, first):
                made.append(former.slices[at])
                again += 1
            else:
                made.append(make(first + 1, column[first : first + ROWS]))
            yield made[-1]
        if former is not None and 2 * again > len(former.slices):
            self._forget(former)
        self._keep(_Kept(column, made, sum(map(len, made)), now))

    def _former(self, column: Sequence[object]) -> _Kept | None:
        """Give a kept column that begins like this one: mostly it is this one, before the last mail came."""
        return next(
            (
                kept
                for kept in reversed(self._kept.values())
                if type(kept.column) is type(column) and _alike(column, kept.column, 0)
            ),
            None,
        )

    def _forget(self, kept: _Kept) -> None:
        if self._kept.get(id(kept.column)) is kept:
            del self._kept[id(kept.column)]
            self.octets -= kept.octets

    def _keep(self, new: _Kept) -> None:
        if id(new.column) not in self._kept:
            self._kept[id(new.column)] = new
            self.octets += new.octets
        while self.octets > self._most:
            self._drop_oldest()

    def _drop(self, now: float) -> None:
        while self._kept and next(iter(self._kept.values())).asked < now - UNASKED:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        self.octets -= self._kept.popitem(last=False)[1].octets


def _alike(one: Sequence[object], other: Sequence[object], first: int) -> bool:
    """Tell whether two columns are the same in the slice that begins at a row."""
    if isinstance(one, UidlColumn) and isinstance(other, UidlColumn) and one.names == other.names:
        some = slice(first * OCTETS, (first + ROWS) * OCTETS)
        return one.raw[some] == other.raw[some]
    return one[first : first + ROWS] == other[first : first + ROWS]
