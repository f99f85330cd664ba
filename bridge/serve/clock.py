"""The time that the bridge goes by: it passes as time does, whatever the wall clock is set to meanwhile.

Undo windows, doubted losses, rolling windows and histories wait for points in time. Where somebody sets the wall clock
ahead, because it was wrong or by mistake, none of them has been waited for, and what is done then cannot be undone.
"""

import time
from collections.abc import Callable
from contextlib import suppress

import trio

from bridge.model.failures import StoreError
from bridge.store import Store
from bridge.telemetry import get_logger

log = get_logger("serve")

FOLLOWED = 60.0
"""Seconds by which the wall clock may be corrected, and is followed: that is done all day long, and hurts nobody."""

SET = "popbridge goes on by its own time, so that nothing is done too early; restart it once the clock is right"
RIGHT = "it is right again"

LOOK_EVERY = 60.0
"""Seconds between two looks at what the wall clock says."""


def passed() -> float:
    """Give seconds that go on while the machine sleeps, and that nobody sets."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class SteadyClock:
    """Unix seconds: the wall clock's at the start, and from then on as many as have passed, sleep included."""

    def __init__(self, wall: Callable[[], float] = time.time, passed: Callable[[], float] = passed) -> None:
        self._wall = wall
        self._passed = passed
        self._zero = wall() - passed()
        self._said = 0.0

    def now(self) -> float:
        """Give Unix seconds."""
        return self._zero + self._passed()

    @property
    def behind(self) -> float:
        """How many seconds the wall clock was set ahead since the start; less than 0 when it was set back."""
        difference = self._wall() - self.now()
        return difference if abs(difference) >= FOLLOWED else 0.0

    async def watch(self, store: Store) -> None:
        """Tell the log and the store when the wall clock was set, for ever; follow it where that is little."""
        while True:
            behind = self.behind
            if not behind and not self._said:
                self._zero = self._wall() - self._passed()
            if abs(behind - self._said) >= FOLLOWED:
                self._said = behind
                log.warning("clock.set", ahead_by=round(behind), meaning=SET if behind else RIGHT)
                with suppress(StoreError):  # which others tell of
                    await store.note_clock(behind)
            await trio.sleep(LOOK_EVERY)
