"""Threads for files, so that the disk makes no commit and no other file wait."""

from collections.abc import Callable
from typing import Any

import trio

from bridge.store.writer import Runner, in_thread

_READERS = trio.CapacityLimiter(4)
"""Spooled messages that are read at once: a block each, mostly out of the system's memory."""

_WRITERS = trio.CapacityLimiter(1)
"""One: what it waits for is the disk."""


async def _reading(work: Callable[[], Any]) -> Any:
    return await trio.to_thread.run_sync(work, limiter=_READERS)


async def _writing(work: Callable[[], Any]) -> Any:
    return await trio.to_thread.run_sync(work, limiter=_WRITERS)


def lanes(runner: Runner) -> tuple[Runner, Runner]:
    """Give what runs reading and what runs writing of files; for a test's own runner that one."""
    return (_reading, _writing) if runner is in_thread else (runner, runner)
