"""The group-commit writer: many callers, one transaction, one fsync."""

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import outcome
import trio

from bridge.model.failures import StoreUnavailable
from bridge.store.failing import unavailable
from bridge.telemetry import count, instant

T = TypeVar("T")

BATCH = 1000
"""Units in one transaction at most, so that no caller waits long behind others."""

WAITING = 10_000
"""Units that may wait for the writer; more make their callers wait."""

DRAIN_SECONDS = 20.0
"""How long what was accepted may take to be committed once the store closes: well under systemd's 90 s."""

_THREADS = trio.CapacityLimiter(2)
"""Threads of the store's own, one to write and one to read: a QUIT never waits behind password hashing."""


class Runner(Protocol):
    """Runs blocking work: a worker thread, or inline under a test's clock."""

    def __call__(self, work: Callable[[], Any], /) -> Awaitable[Any]: ...


async def in_thread(work: Callable[[], Any]) -> Any:
    """Run in a worker thread; once begun it is not given up, so the outcome is known."""
    return await trio.to_thread.run_sync(work, limiter=_THREADS)


async def inline(work: Callable[[], Any]) -> Any:
    """Run at once, in this task: for tests with a clock of their own, which does not wait for threads."""
    await trio.lowlevel.checkpoint()
    return work()


_Work = Callable[[sqlite3.Connection], Any]
_Result = outcome.Value[Any] | outcome.Error


@dataclass(slots=True)
class _Unit:
    run: _Work
    done: trio.Event = field(default_factory=trio.Event)
    result: _Result | None = None


class Writer:
    """Owns the one connection that writes."""

    def __init__(self, connection: sqlite3.Connection, database: Path, runner: Runner) -> None:
        self._connection = connection
        self._database = database
        self._runner = runner
        self._send, self._receive = trio.open_memory_channel[_Unit](WAITING)
        self._batch: list[_Unit] = []
        self._drain = trio.CancelScope(shield=True)

    async def write(self, unit: Callable[[sqlite3.Connection], T]) -> T:
        """Give what the unit gave, once it is committed. Raises what the unit raised, or `StoreUnavailable` when the
        transaction was rolled back. Cancelled: the outcome is unknown.
        """
        waiting = _Unit(unit)
        try:
            await self._send.send(waiting)
        except (trio.ClosedResourceError, trio.BrokenResourceError) as failure:
            raise _closed() from failure
        await waiting.done.wait()
        if waiting.result is None:
            raise _closed()
        result: T = waiting.result.unwrap()
        return result

    async def run(self) -> None:
        """Commit what comes until `close`, whatever is cancelled meanwhile; then what was accepted, for at most
        `DRAIN_SECONDS`. Whoever still waits after that, or after a failure here, is told `StoreUnavailable`.
        """
        try:
            with self._drain:
                async for first in self._receive:
                    await self._commit(first)
        finally:
            self._give_up()

    async def _commit(self, first: _Unit) -> None:
        self._batch.append(first)
        with suppress(trio.WouldBlock, trio.EndOfChannel):
            while len(self._batch) < BATCH:
                self._batch.append(self._receive.receive_nowait())
        work = [unit.run for unit in self._batch]
        results: list[_Result] = await self._runner(partial(_commit, self._connection, self._database, work))
        for unit, result in zip(self._batch, results, strict=True):
            unit.result = result
        self._wake()

    def _wake(self) -> None:
        for unit in self._batch:
            unit.done.set()
        self._batch = []

    def _give_up(self) -> None:
        """Let nobody wait for ever."""
        self._wake()
        with suppress(trio.WouldBlock, trio.EndOfChannel):
            while True:
                self._receive.receive_nowait().done.set()
        self._receive.close()

    def close(self) -> None:
        """Take no more."""
        self._send.close()
        self._drain.deadline = trio.current_time() + DRAIN_SECONDS


def _closed() -> StoreUnavailable:
    return StoreUnavailable("the database is being closed, and this was not written")


def _commit(connection: sqlite3.Connection, database: Path, work: Sequence[_Work]) -> list[_Result]:
    """Run the units in one transaction. When SQLite cannot commit, it is rolled back and every unit has failed."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        results = [_attempt(connection, database, unit) for unit in work]
        instant("store.before_commit")
        connection.execute("COMMIT")
    except sqlite3.Error as failure:
        count("commits_failed")
        return [outcome.Error(unavailable(failure, database)) for _ in work]
    finally:
        if connection.in_transaction:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
    instant("store.after_commit")
    count("commits")
    return results


def _attempt(connection: sqlite3.Connection, database: Path, unit: _Work) -> _Result:
    """Run one unit in its savepoint: what it raises is its own caller's alone, unless the transaction is lost."""
    connection.execute("SAVEPOINT unit")
    result: _Result = outcome.capture(unit, connection)
    if isinstance(result, outcome.Error):
        failure = result.error
        if not connection.in_transaction:
            # A full disk or a failing one: SQLite has rolled the whole transaction back by itself.
            raise failure if isinstance(failure, sqlite3.Error) else sqlite3.OperationalError("transaction lost")
        connection.execute("ROLLBACK TO unit")
        if isinstance(failure, (sqlite3.Error, OverflowError, UnicodeError)):
            result = outcome.Error(unavailable(failure, database))
    connection.execute("RELEASE unit")
    return result
