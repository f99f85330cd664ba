"""Turns at work that takes a processor for a while: who is owed one most goes first."""

import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import IntEnum

import trio


class Rank(IntEnum):
    """Who is asking for a turn, those first who are served first."""

    KNOWN = 0
    """An address from which this login has logged in before."""
    NEW = 1
    """An address that nothing is known of."""
    ONE_OF_MANY = 2
    """An address that waits for other turns already."""
    FAILING = 3
    """An address from which wrong passwords came. These never take the last free turn."""


class Turns:
    """`async with turns.take(rank)`: at most `most` at once, by rank, and within a rank as they came.

    So that neither a crowd nor one who guesses keeps anybody else waiting longer than for the turns under way.
    """

    def __init__(self, most: int) -> None:
        self._free = most
        self._waiting: list[tuple[Rank, int, trio.Event]] = []
        self._asked = 0

    @asynccontextmanager
    async def take(self, rank: Rank) -> AsyncIterator[None]:
        """Wait for a turn and have it for the block. Cancelled, another gets it."""
        self._asked += 1
        mine = (rank, self._asked, trio.Event())
        heapq.heappush(self._waiting, mine)
        self._hand_out()
        try:
            await mine[2].wait()
            yield
        finally:
            if mine[2].is_set():
                self._free += 1
            else:
                self._waiting.remove(mine)
                heapq.heapify(self._waiting)
            self._hand_out()

    def _hand_out(self) -> None:
        while self._waiting and self._free > (self._waiting[0][0] is Rank.FAILING):
            self._free -= 1
            heapq.heappop(self._waiting)[2].set()
