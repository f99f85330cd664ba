"""What the halves of the store stand on: one connection that writes, one that reads."""

import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import trio

from bridge.store.failing import unavailable
from bridge.store.writer import Runner, Writer

T = TypeVar("T")


class Ledger:
    """The doors to the database. `_write` runs a unit in the writer's next transaction and gives what it gave once that
    is committed; `_read` looks at what is committed, and no writer waits for it.
    """

    def __init__(
        self,
        writer: Writer,
        reader: sqlite3.Connection,
        database: Path,
        runner: Runner,
        now: Callable[[], float],
        *,
        restored: bool = False,
    ) -> None:
        self._write = writer.write
        self._reader = reader
        self._reading = trio.Lock()
        self._database = database
        self._runner = runner
        self._now = now
        self._restored = restored

    async def stop_reading(self) -> None:
        """Close the connection that reads, when what it reads is read. For `open_store` alone."""
        async with self._reading:
            self._reader.close()

    async def _run(self, sql: str, *values: object) -> list[Any]:
        return await self._write(lambda db: db.execute(sql, values).fetchall())

    async def _read(self, look: Callable[[sqlite3.Connection], T]) -> T:
        async with self._reading:
            try:
                seen: T = await self._runner(partial(look, self._reader))
            except sqlite3.Error as failure:
                raise unavailable(failure, self._database) from failure
        return seen
