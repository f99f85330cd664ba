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

LOOK_EVERY = 10.0
"""Seconds between two looks at what the wall clock says: as long may pass until a jump is written down for the next
start, should there be no time to do it at the end.
"""


def passed() -> float:
    """Give seconds that go on while the machine sleeps, and that nobody sets."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class SteadyClock:
    """Unix seconds: the wall clock's at the start, and from then on as many as have passed, sleep included.

    `wall` gives what the wall clock says.
    """

    def __init__(self, wall: Callable[[], float] = time.time, passed: Callable[[], float] = passed) -> None:
        self.wall = wall
        self._passed = passed
        self._zero = wall() - passed()
        self._said = 0.0
        self._noted = 0.0

    def now(self) -> float:
        """Give Unix seconds."""
        return self._zero + self._passed()

    @property
    def behind(self) -> float:
        """How many seconds the wall clock was set ahead since the start; less than 0 when it was set back."""
        difference = self.wall() - self.now()
        return difference if abs(difference) >= FOLLOWED else 0.0

    async def watch(self, store: Store) -> None:
        """Look at the wall clock for ever."""
        while True:
            await self.look(store)
            await trio.sleep(LOOK_EVERY)

    async def look(self, store: Store) -> None:
        """Tell the log and the store if the wall clock was set; follow it where that is little. What could not be
        written is written by a later look.
        """
        behind = self.behind
        if not behind and not self._said:
            self._zero = self.wall() - self._passed()
        if abs(behind - self._said) >= FOLLOWED:
            self._said = behind
            log.warning("clock.set", ahead_by=round(behind), meaning=SET if behind else RIGHT)
        if self._noted != self._said:
            with suppress(StoreError):  # which others tell of
                await store.note_clock(self._said)
                self._noted = self._said
