"""Sequence sets as a client may write them, and as the server says them."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

_RANGE = re.compile(r"([1-9][0-9]{0,9}|\*)(?::([1-9][0-9]{0,9}|\*))?")


class NumberSet:
    """A parsed set: ranges that still have to be held against what is there."""

    def __init__(self, ranges: list[tuple[int | None, int | None]]) -> None:
        self._ranges = ranges

    def pick(self, present: Sequence[int]) -> list[int]:
        """Give the indexes into `present`, ascending numbers, that the set names. `*` is the highest present."""
        if not present:
            return []
        wanted: set[int] = set()
        for low, high in self._ranges:
            first, last = self._span(low, high, present[-1])
            wanted.update(range(bisect_left(present, first), bisect_right(present, last)))
        return sorted(wanted)

    @property
    def highest(self) -> int:
        """The highest number named, 0 where it is `*` alone."""
        return max(number or 0 for span in self._ranges for number in span)

    @staticmethod
    def _span(low: int | None, high: int | None, highest: int) -> tuple[int, int]:
        first = highest if low is None else low
        last = highest if high is None else high
        return min(first, last), max(first, last)


def parse_set(text: str) -> NumberSet | None:
    """Parse `1:5,7,9:*`; None for anything else."""
    ranges: list[tuple[int | None, int | None]] = []
    for part in text.split(","):
        match = _RANGE.fullmatch(part)
        if match is None:
            return None
        low = None if match[1] == "*" else int(match[1])
        high = low if match[2] is None else None if match[2] == "*" else int(match[2])
        ranges.append((low, high))
    return NumberSet(ranges)


def compact(numbers: Iterable[int]) -> str:
    """Write ascending numbers as a set; other orders come out right, only longer."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(low) if low == high else f"{low}:{high}" for low, high in runs)
