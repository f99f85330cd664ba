"""The short life of a store with a device: `python -m tests.store.crashing_device`, with arguments as `crashing`."""

import sys
from dataclasses import replace

import trio

from bridge.model.names import EntrySeq
from bridge.store import open_store
from tests.store.crashing import strike, told
from tests.store.device_support import admission, hiding, vote
from tests.store.support import DEN, FAX, fill

STEPS = ["opened", "listed", "admitted", "voted", "agreed", "undone", "reset", "forgotten"]


async def live(state_dir: str) -> None:
    """Do with a device all that can be done, each step in one commit."""
    async with open_store(state_dir) as store:
        told("opened")
        await fill(store, 1, 2, 3, 4)
        told("listed")
        decided = replace(admission(FAX, 10.0, 0, 1, 2), hide=hiding(FAX, 10.0, 0, "start", 3).hide)
        await store.commit_admission(replace(decided, duplicates=((EntrySeq(4), EntrySeq(1)),)))
        told("admitted")
        await store.commit_update(vote(DEN, 15.0, "flag", 1, 2))
        told("voted")
        await store.commit_update(vote(FAX, 20.0, "trash", 1, 2))
        told("agreed")
        await store.undo(FAX, 1, 30.0)
        told("undone")
        await store.reset(FAX, None)
        told("reset")
        await store.forget(FAX)
        told("forgotten")


if __name__ == "__main__":
    strike(sys.argv[2], int(sys.argv[3]))
    trio.run(live, sys.argv[1])
