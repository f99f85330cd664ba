"""How much of an account's server was used within a day, and whether what its provider bears is nearly used up."""

import time
from collections.abc import Callable

from bridge.model.upkeep import Hours, Used

HOUR = 3600
DAY = 24
"""Hours. Google counts a day that begins anew with each hour: what was fetched a day ago is free again."""

NEARLY = 0.8
"""Of a day's budget: what is left is for devices, which fetch on until the server itself says no."""


class Usage:
    """One account's, in hours. `budget` is how many octets may be fetched within a day, 0 for any number; `now` gives
    Unix seconds. What is counted here costs one addition for each time that something is received.
    """

    def __init__(self, budget: int = 0, now: Callable[[], float] = time.time, known: Hours | None = None) -> None:
        self.budget = budget
        self._now = now
        self._past = dict(known or {})
        self._unwritten: dict[int, Used] = {}
        self._hour = 0
        self._octets = 0
        self._connections = 0

    def received(self, octets: int) -> None:
        """Octets came from the server."""
        self._octets += octets

    def connected(self) -> None:
        """A connection was opened."""
        self._connections += 1

    def take(self) -> Hours:
        """Give what was not given before, to be written down; `put_back` it when it cannot be."""
        self._settle()
        taken, self._unwritten = self._unwritten, {}
        return taken

    def put_back(self, taken: Hours) -> None:
        """Keep for the next `take` what could not be written."""
        for hour, used in taken.items():
            self._unwritten[hour] = _sum(self._unwritten.get(hour, Used()), used)

    @property
    def day(self) -> Used:
        """What was used within the last 24 hours, to the hour."""
        self._settle()
        hours = self._past.values()
        return Used(sum(used.octets for used in hours), sum(used.connections for used in hours))

    @property
    def nearly_spent(self) -> bool:
        """True where only devices are to fetch any more."""
        return bool(self.budget) and self.day.octets >= NEARLY * self.budget

    def _settle(self) -> None:
        """Count what came since this was asked last to the hour that it is now."""
        self._hour = int(self._now() // HOUR)
        if self._octets or self._connections:
            fresh = Used(self._octets, self._connections)
            self._octets = self._connections = 0
            for hours in (self._past, self._unwritten):
                hours[self._hour] = _sum(hours.get(self._hour, Used()), fresh)
        for hour in [hour for hour in self._past if hour <= self._hour - DAY]:
            del self._past[hour]


def _sum(one: Used, other: Used) -> Used:
    return Used(one.octets + other.octets, one.connections + other.connections)
