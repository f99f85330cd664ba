"""Log lines that somebody outside can bring about at will: some of a kind, then how many there were."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

FROM_ONE = 20
"""Lines of one event and one source at once: enough to see what a device that is set up wrong does."""

FROM_ONE_A_SECOND = 1 / 3
"""Lines that may come besides."""

FROM_ALL = 200
"""Lines of one event at once, whatever their sources."""

FROM_ALL_A_SECOND = 5.0
"""Lines that may come besides, however many addresses somebody has: some 50 MB of log a day."""

SOURCES = 1000
"""Sources that are counted apart at once."""


class _Bucket:
    """Lines that may be written: at most `most`, filled up at a rate."""

    __slots__ = ("_at", "_left", "_most", "_rate")

    def __init__(self, most: int, rate: float, now: float) -> None:
        self._most, self._rate = most, rate
        self._left, self._at = float(most), now

    def has(self, now: float) -> bool:
        self._left = min(self._most, self._left + (now - self._at) * self._rate)
        self._at = now
        return self._left >= 1

    def take(self) -> None:
        self._left -= 1


class Seldom:
    """A logger for such lines. `source` is who brings them about: an address, a device. Lines that are left out are
    counted, and the next line of their event that is written tells how many, as `left_out`.
    """

    def __init__(self, log: Any, now: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._now = now
        self._sources: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()
        self._events: dict[str, _Bucket] = {}
        self._left_out: dict[str, int] = {}

    def info(self, event: str, source: str, **fields: object) -> None:
        """Write a line at info."""
        self.say("info", event, source, **fields)

    def warning(self, event: str, source: str, **fields: object) -> None:
        """Write a line at warning."""
        self.say("warning", event, source, **fields)

    def say(self, level: str, event: str, source: str, **fields: object) -> None:
        """Write a line at a level, or leave it out."""
        now = self._now()
        one, whole = self._of_source(event, source, now), self._of_event(event, now)
        if not (one.has(now) and whole.has(now)):
            self._left_out[event] = self._left_out.get(event, 0) + 1
            return
        one.take()
        whole.take()
        if left_out := self._left_out.pop(event, 0):
            fields["left_out"] = left_out
        getattr(self._log, level)(event, **fields)

    def _of_event(self, event: str, now: float) -> _Bucket:
        if event not in self._events:
            self._events[event] = _Bucket(FROM_ALL, FROM_ALL_A_SECOND, now)
        return self._events[event]

    def _of_source(self, event: str, source: str, now: float) -> _Bucket:
        found = self._sources.get((event, source))
        if found is None:
            found = self._sources[event, source] = _Bucket(FROM_ONE, FROM_ONE_A_SECOND, now)
            if len(self._sources) > SOURCES:
                self._sources.popitem(last=False)
        self._sources.move_to_end((event, source))
        return found
