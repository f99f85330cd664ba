"""The group-commit writer: many callers, one transaction, one fsync."""

import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import trio

from bridge.model.failures import StoreUnavailable
from bridge.telemetry import instant

T = TypeVar("T")

BATCH = 1000
"""Units in one transaction at most, so that no caller waits long behind others."""

WAITING = 10_000
"""Units that may wait for the writer; more make their callers wait."""


class Runner(Protocol):
    """Runs blocking work: a worker thread, or inline under a test's clock."""

    def __call__(self, work: Callable[[], Any], /) -> Awaitable[Any]: ...


async def in_thread(work: Callable[[], Any]) -> Any:
    """Run in a worker thread; once begun it is not given up, so the outcome is known."""
    return await trio.to_thread.run_sync(work)


async def inline(work: Callable[[], Any]) -> Any:
    """Run at once, in this task: for tests with a clock of their own."""
    await trio.lowlevel.checkpoint()
    return work()


@dataclass(slots=True)
class _Unit:
    run: Callable[[sqlite3.Connection], Any]
    done: trio.Event = field(default_factory=trio.Event)
    result: Any = None
    failure: Exception | None = None


class Writer:
    """Owns the one connection that writes."""

    def __init__(self, connection: sqlite3.Connection, runner: Runner) -> None:
        self._connection = connection
        self._runner = runner
        self._send, self._receive = trio.open_memory_channel[_Unit](WAITING)

    async def write(self, unit: Callable[[sqlite3.Connection], T]) -> T:
        """Give what the unit gave, once it is committed. Raises what the unit raised, or `StoreUnavailable` when the
        transaction was rolled back. Cancelled: the outcome is unknown.
        """
        waiting = _Unit(unit)
        try:
            await self._send.send(waiting)
        except (trio.ClosedResourceError, trio.BrokenResourceError) as failure:
            raise StoreUnavailable("the database is being closed") from failure
        await waiting.done.wait()
        if waiting.failure is not None:
            raise waiting.failure
        result: T = waiting.result
        return result

    async def run(self) -> None:
        """Commit what comes until `close`; what was accepted by then is committed still."""
        with trio.CancelScope(shield=True):
            async for first in self._receive:
                batch = [first]
                while len(batch) < BATCH:
                    try:
                        batch.append(self._receive.receive_nowait())
                    except (trio.WouldBlock, trio.EndOfChannel):
                        break
                await self._runner(lambda batch=batch: _commit(self._connection, batch))
                for unit in batch:
                    unit.done.set()

    def close(self) -> None:
        """Take no more."""
        self._send.close()


def _commit(connection: sqlite3.Connection, batch: list[_Unit]) -> None:
    try:
        connection.execute("BEGIN IMMEDIATE")
        for unit in batch:
            _attempt(connection, unit)
        instant("store.before_commit")
        connection.execute("COMMIT")
        instant("store.after_commit")
    except sqlite3.Error as failure:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        for unit in batch:
            unit.failure = StoreUnavailable(f"the database could not be written: {failure}")


def _attempt(connection: sqlite3.Connection, unit: _Unit) -> None:
    """Run one unit in its savepoint. What it raises is its own caller's alone, unless the transaction is lost."""
    connection.execute("SAVEPOINT unit")
    try:
        unit.result = unit.run(connection)
    except Exception as failure:
        if not connection.in_transaction:
            raise
        connection.execute("ROLLBACK TO unit")
        sqlite = isinstance(failure, sqlite3.Error)
        unit.failure = StoreUnavailable(f"the database could not be written: {failure}") if sqlite else failure
    connection.execute("RELEASE unit")
