"""What sessions leave behind for the store, written together: a poll costs no commit of its own."""

from collections.abc import Awaitable, Callable

import trio

from bridge.index.ports import StorePort
from bridge.model.failures import StoreError
from bridge.model.places import Location, MeasuredMessage
from bridge.model.update import SessionRecord, UpdatePlan
from bridge.telemetry import get_logger

log = get_logger("index")

TOGETHER = 0.5
"""Seconds that what is left may wait for more of it: a thousand polls, and nothing that a device relies on."""

MANY = 5000
"""Session rows that may wait for the store; more are not written, for they are only history."""

HURRY = 1000
"""Session rows that are enough for one unit."""


class Leftovers:
    """Gathers what is left, and writes it twice a second, each kind in one unit; `before` is called before that."""

    def __init__(self, store: StorePort, before: Callable[[], None]) -> None:
        self._store = store
        self._before = before
        self._sessions: list[SessionRecord] = []
        self._sent: list[UpdatePlan] = []
        self._measured: dict[Location, MeasuredMessage] = {}
        self._some = trio.Event()
        self._hurry = trio.Event()
        self._writing = trio.Lock()

    def session(self, record: SessionRecord) -> None:
        """Take a row of the history."""
        if len(self._sessions) < MANY:
            self._sessions.append(record)
        else:
            log.warning("history.dropped", waiting=MANY)
        self._left(hurry=len(self._sessions) >= HURRY)

    def sent(self, plan: UpdatePlan) -> None:
        """Take what a session without QUIT had sent: it is written at once, for the device may come straight back."""
        self._sent.append(plan)
        self._left(hurry=True)

    def measured(self, location: Location, message: MeasuredMessage) -> None:
        """Take what was counted while it was sent."""
        self._measured[location] = message
        self._left(hurry=False)

    def _left(self, *, hurry: bool) -> None:
        self._some.set()
        if hurry:
            self._hurry.set()

    async def run(self) -> None:
        """Write until cancelled; what is left then, `flush` writes."""
        while True:
            await self._some.wait()
            with trio.move_on_after(TOGETHER):
                await self._hurry.wait()
            await self.flush()

    async def flush(self) -> None:
        """Return when all that was left so far is written, or lost with a word in the log."""
        self._before()
        async with self._writing:
            self._some, self._hurry = trio.Event(), trio.Event()
            sessions, self._sessions = self._sessions, []
            sent, self._sent = self._sent, []
            measured, self._measured = self._measured, {}
            for plan in sent:
                await _written(self._store.commit_update(plan), "sent", 1)
            if sessions:
                await _written(self._store.record_sessions(sessions), "sessions", len(sessions))
            if measured:
                await _written(self._store.record_measured(list(measured.items())), "measured", len(measured))


async def _written(writing: Awaitable[None], what: str, rows: int) -> None:
    try:
        await writing
    except StoreError as failure:
        log.error("history.not_written", what=what, rows=rows, problem=str(failure))
