"""How much of the benchmark is run, and how often."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

ROUND_TRIPS = (0, 20, 100)
"""Milliseconds on the way upstream that are measured."""


@dataclass(frozen=True)
class Plan:
    """`only` are rows' names, all when empty; `quick` is for a look, not for a record."""

    only: Sequence[str] = ()
    round_trips: Sequence[int] = ROUND_TRIPS
    runs: int = 0
    quick: bool = False
    full: bool = False

    @property
    def whole(self) -> bool:
        """Whether it is worth being kept."""
        return not self.only and not self.quick and tuple(self.round_trips) == ROUND_TRIPS

    def wants(self, name: str) -> bool:
        """Whether the rows of this name are to be run."""
        return not self.only or name in self.only

    def at(self, round_trips: Iterable[int]) -> list[int]:
        """Which of these round trips are to be measured."""
        return [each for each in round_trips if each in self.round_trips]

    def times(self, runs: int) -> int:
        """How often to run what is usually run so often."""
        return self.runs or (max(3, runs // 3) if self.quick else runs)

    def patience(self, round_trip: int) -> float:
        """For how many seconds one fetch may go on: where each message waits for the line, a part shows the rate."""
        if not round_trip:
            return math.inf
        return 2.0 if self.quick else 4.0
