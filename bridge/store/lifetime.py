"""Holding the state directory: from the lock to the last commit."""

import os
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import trio

from bridge.model.failures import StoreLocked
from bridge.store.generation import is_restored
from bridge.store.opening import DATABASE, open_database, open_reader, reading, take_lock
from bridge.store.overview import overview
from bridge.store.store import Store
from bridge.store.writer import Runner, Writer, in_thread

LOCK_TRIES = 20
LOCK_PAUSE = 0.1
"""Two seconds in all: `popbridge status` holds the lock for a moment, and a daemon that starts then must not fail."""


@asynccontextmanager
async def open_store(
    state_dir: str | Path, *, runner: Runner = in_thread, new_state: bool = False, now: Callable[[], float] = time.time
) -> AsyncIterator[Store]:
    """Hold the state directory and its database for the block.

    The directory is made (0700) when it is missing, its files are for its owner alone. Raises `StoreLocked`,
    `StoreMissing`, `StoreNewer` or `StoreUnavailable`, and then holds nothing. On the way out, also when cancelled,
    what was accepted is committed first, within `DRAIN_SECONDS`; whoever comes later is told `StoreUnavailable`.
    `runner` runs what blocks; `now` gives Unix seconds.
    """
    where = Path(state_dir)
    lock = await _lock(where)
    try:
        connection: sqlite3.Connection = await runner(partial(open_database, where, new_state=new_state))
        try:
            reader = open_reader(where)
            writer = Writer(connection, where / DATABASE, runner)
            restored = await runner(partial(is_restored, connection))
            store = Store(writer, reader, where / DATABASE, runner, now, restored=restored)
            try:
                async with _writing(writer):
                    yield store
            finally:
                with trio.CancelScope(shield=True):
                    await store.stop_reading()
        finally:
            with trio.CancelScope(shield=True):
                await runner(connection.close)
    finally:
        os.close(lock)


@asynccontextmanager
async def _writing(writer: Writer) -> AsyncIterator[None]:
    """Run the writer. What the block raises comes out as it was raised, not in a group."""
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(writer.run)
            try:
                yield
            finally:
                writer.close()
    except BaseExceptionGroup as group:
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from group.exceptions[0].__cause__
        raise


async def _lock(state_dir: Path) -> int:
    for _ in range(LOCK_TRIES):
        try:
            return take_lock(state_dir)
        except StoreLocked:
            await trio.sleep(LOCK_PAUSE)
    return take_lock(state_dir)


def read_offline(state_dir: str | Path, electorate: Iterable[str] | None = None) -> dict[str, Any]:
    """Give the counts that `status` shows while no daemon runs, as `Store.overview`. Holds the lock meanwhile.

    Raises `StoreLocked` when a daemon runs (ask it instead), or the other `StoreError`s.
    """
    with reading(Path(state_dir)) as connection:
        return overview(connection, electorate)
