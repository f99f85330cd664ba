"""A process that spools a little, and is killed at an instant: `python -m tests.store.crashing_spool`.

Arguments as of `tests.store.crashing`.
"""

import sys
from pathlib import Path

import trio
from trio.testing import MockClock

from bridge.model.names import EntrySeq
from bridge.store import inline
from tests.store.crashing import strike, told
from tests.store.spooling import account, keep, letter, spooling
from tests.store.support import FAMILY

LARGE = 3_000_000
STEPS = ["opened", "small", "large", "evicted", "dropped"]


async def live(state_dir: str) -> None:
    """Keep two small messages, a large one, one for which both small ones go; then have the large one dropped."""
    async with spooling(Path(state_dir), account(octets=LARGE + 2500), runner=inline) as store:
        told("opened")
        await keep(store.spool, 1, 2)
        told("small")
        async with store.spool.draft(FAMILY, EntrySeq(3)) as draft:
            await draft.write(letter(3, LARGE))
            await draft.keep()
        told("large")
        await keep(store.spool, 4, octets=2001)
        told("evicted")
        await store.spool.apply([account(octets=2500)])
        with trio.move_on_after(60):
            await store.spool.run()
        told("dropped")


if __name__ == "__main__":
    strike(sys.argv[2], int(sys.argv[3]))
    trio.run(live, sys.argv[1], clock=MockClock(autojump_threshold=0))
