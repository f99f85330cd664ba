"""A process that lives a short life with a store, and is killed at an instant: `python -m tests.store.crashing`.

Arguments: state directory, instant, and the how-manieth time it must come round. Each step that was acknowledged is
told on stdout.
"""

import os
import signal
import sys
from dataclasses import replace

import trio

from bridge.maildrop import unique_id
from bridge.model.names import EntrySeq, Uid
from bridge.model.places import AccountChange, ListingChange, MailboxChange, MeasuredMessage
from bridge.store import open_store
from bridge.telemetry import set_instant_hook
from tests.store.support import FAMILY, FAX, INBOX, JUNK, ONE, listed, namer, place, plan, session, trash, whole


def strike(instant: str, times: int) -> None:
    """Have this process killed when the instant comes for the n-th time."""
    left = times

    def hook(name: str) -> None:
        nonlocal left
        left -= name == instant
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    set_instant_hook(hook)


def told(step: str) -> None:
    """Say that a step was acknowledged."""
    sys.stdout.write(step + "\n")
    sys.stdout.flush()


def a_move() -> AccountChange:
    """Give the round in which the second message moves, and a new one comes where it is now."""
    there, new = listed(1, 2)
    inbox = MailboxChange(INBOX, whole(2, 4), vanished=(Uid(2),))
    junk = MailboxChange(JUNK, whole(2, 3), inherited=((EntrySeq(2), there),), appended=(new,))
    return AccountChange(FAMILY, (inbox, junk))


async def live(state_dir: str) -> None:
    """Do what a bridge does in its first minutes."""
    async with open_store(state_dir) as store:
        told("opened")
        await store.apply_listing(ListingChange(INBOX, ONE, listed(1, 2)), namer())
        told("begun")
        await store.apply_listing(ListingChange(INBOX, ONE, listed(3), state=whole(3, 4)), namer())
        told("listed")
        promise = plan(FAX, 9.0, [EntrySeq(1), EntrySeq(2)], [EntrySeq(1)])
        await store.commit_update(replace(promise, intents=(trash(EntrySeq(1), 1, 10.0),)))
        told("updated")
        await store.record_measured([(place(1), MeasuredMessage(101, True))])
        told("measured")
        await store.apply_refresh(a_move(), unique_id)
        told("moved")
        await store.record_sessions([session(FAX, 9.0)])
        told("closed")


if __name__ == "__main__":
    strike(sys.argv[2], int(sys.argv[3]))
    trio.run(live, sys.argv[1])
