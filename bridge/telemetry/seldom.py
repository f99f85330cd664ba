"""Log lines that somebody outside can bring about at will: a few of a kind, then how many there were."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

WINDOW = 60.0
"""Seconds for which lines are counted."""

FROM_ONE = 20
"""Lines of one event and one source in that time: enough to see what a device that is set up wrong does."""

FROM_ALL = 200
"""Lines of one event in that time, whatever their sources: 3 a second, however many addresses somebody has."""

SOURCES = 1000
"""Sources that are counted apart at once."""


class _Count:
    __slots__ = ("began", "left_out", "said")

    def __init__(self, began: float) -> None:
        self.began = began
        self.said = 0
        self.left_out = 0

    def may_say(self, now: float, most: int) -> bool:
        if now >= self.began + WINDOW:
            self.began, self.said = now, 0
        return self.said < most


class Seldom:
    """A logger for such lines. `source` is who brings them about: an address, a session. Lines that are left out are
    counted, and the next line of their event that is written tells how many, as `left_out`.
    """

    def __init__(self, log: Any, now: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._now = now
        self._sources: OrderedDict[tuple[str, str], _Count] = OrderedDict()
        self._events: dict[str, _Count] = {}

    def info(self, event: str, source: str, **fields: object) -> None:
        """Write a line at info."""
        self.say("info", event, source, **fields)

    def warning(self, event: str, source: str, **fields: object) -> None:
        """Write a line at warning."""
        self.say("warning", event, source, **fields)

    def say(self, level: str, event: str, source: str, **fields: object) -> None:
        """Write a line at a level, or leave it out."""
        now = self._now()
        whole = self._events.setdefault(event, _Count(now))
        one = self._of_source(event, source, now)
        if not (one.may_say(now, FROM_ONE) and whole.may_say(now, FROM_ALL)):
            whole.left_out += 1
            return
        one.said += 1
        whole.said += 1
        if whole.left_out:
            fields["left_out"] = whole.left_out
            whole.left_out = 0
        getattr(self._log, level)(event, **fields)

    def _of_source(self, event: str, source: str, now: float) -> _Count:
        found = self._sources.setdefault((event, source), _Count(now))
        self._sources.move_to_end((event, source))
        if len(self._sources) > SOURCES:
            self._sources.popitem(last=False)
        return found
