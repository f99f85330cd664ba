"""Signs of life from work that waits for a server: whoever asked for it would otherwise give up."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import outcome
import trio

T = TypeVar("T")

Progress = Callable[[str], Awaitable[None]]
"""Takes a sentence on how far a command is; never raises."""

TICK = 10.0
"""Seconds between two signs of life: well under what the control door allows."""


async def watched(work: Callable[[], Awaitable[T]], progress: Progress, sentence: str) -> T:
    """Give what the work gives, or raise what it raises; the sentence is told every `TICK` seconds meanwhile."""

    async def tick() -> None:
        while True:
            await trio.sleep(TICK)
            await progress(sentence)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(tick)
        # Not raised in here: the nursery would put it into a group.
        ended = await outcome.acapture(work)
        nursery.cancel_scope.cancel()
    return ended.unwrap()


async def unwatched(sentence: str) -> None:
    """Take a sign of life that nobody waits for."""
    await trio.lowlevel.checkpoint()
