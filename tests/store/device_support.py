"""What the tests of the store's device side share: logins, QUITs and votes in few words."""

import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from bridge.model.devices import Admission, Announcement, HideRule
from bridge.model.names import DeviceId, EntrySeq, SessionId
from bridge.model.update import Action, Intent, NewIntent, UpdatePlan
from bridge.store import Store, open_store
from bridge.store.opening import DATABASE
from tests.store.support import DEN, FAX, INBOX, fill, place

SCANNER = DeviceId("scanner")
ALL = (FAX, DEN, SCANNER)
WINDOW = 100.0
"""The undo window of these tests' QUITs."""


@asynccontextmanager
async def filled(state_dir: Path, *uids: int, now: float = 500.0) -> AsyncIterator[Store]:
    """Open a store whose inbox was listed whole: entry n is UID n."""
    async with open_store(state_dir, now=lambda: now) as store:
        await fill(store, *uids)
        yield store


def seqs(*numbers: int) -> tuple[EntrySeq, ...]:
    """Give entries."""
    return tuple(EntrySeq(number) for number in numbers)


def admission(device: DeviceId, at: float, first: int = 0, *announce: int) -> Admission:
    """Give what a login decides that shows entries, each dated as it was listed."""
    shown = tuple(Announcement(EntrySeq(seq), 1_700_000_000 + seq) for seq in announce)
    return Admission(device, SessionId(f"in{at:g}"), at, first, announce=shown, shown=(INBOX,))


def hiding(device: DeviceId, at: float, first: int, rule: HideRule, *hide: int) -> Admission:
    """Give what a login decides that hides entries by a rule."""
    return replace(admission(device, at, first), hide=tuple((EntrySeq(seq), rule) for seq in hide))


async def show(store: Store, devices: Iterable[DeviceId], *entries: int) -> None:
    """Have devices shown entries that they had not been shown before."""
    for device in devices:
        first = (await store.load_device(device)).next_position
        await store.commit_admission(admission(device, 1.0, first, *entries))


def quitting(device: DeviceId, at: float, *hide: int, action: Action | None = None, **more: Any) -> UpdatePlan:
    """Give a QUIT that deletes entries, with an intent for each where there is an action. `more` goes to the plan, and
    `state` and `when_all` to the intents.
    """
    how = {key: more.pop(key) for key in ("state", "when_all") if key in more}
    intents = [NewIntent(EntrySeq(seq), place(seq), action, 100 + seq, at + WINDOW, **how) for seq in hide if action]
    return UpdatePlan(device, SessionId(f"out{at:g}"), at, hide=seqs(*hide), intents=tuple(intents), **more)


def vote(
    device: DeviceId, at: float, action: Action, *hide: int, electorate: Sequence[DeviceId] = (FAX, DEN)
) -> UpdatePlan:
    """Give a QUIT of a device that deletes when all have."""
    return quitting(device, at, *hide, action=action, when_all=True, state="voting", electorate=tuple(electorate))


def agree(device: DeviceId, at: float, *hide: int, electorate: Sequence[DeviceId] = (FAX, DEN)) -> UpdatePlan:
    """Give a QUIT of a device that only hides."""
    return quitting(device, at, *hide, electorate=tuple(electorate))


async def waiting(store: Store) -> list[Intent]:
    """Give all that waits to be carried out."""
    return await store.due_intents(9e9, 1000)


async def done(store: Store, **to: Any) -> list[Intent]:
    """Carry out all that waits."""
    intents = await waiting(store)
    for intent in intents:
        await store.settle_intent(intent.id, "done", "done: as asked", **to)
    return intents


async def shown(store: Store, device: DeviceId) -> list[int]:
    """Give what a device is shown, in its order."""
    return [one.seq for one in (await store.load_device(device)).announced]


async def hides(store: Store, device: DeviceId) -> dict[int, str]:
    """Give what a device has hidden, and by which rule."""
    found = await store._read(
        lambda db: db.execute(
            "SELECT h.entry, h.rule FROM hides h JOIN devices d ON d.id = h.device WHERE d.name = ?", (device,)
        ).fetchall()
    )
    return dict(found)


async def intents(store: Store, device: DeviceId) -> list[tuple[int, str, str]]:
    """Give a device's intents as (entry, action, state), in the order in which they were made."""
    return await store._read(
        lambda db: db.execute(
            "SELECT i.entry, i.action, i.state FROM intents i JOIN devices d ON d.id = i.device WHERE d.name = ?"
            " ORDER BY i.id",
            (device,),
        ).fetchall()
    )


def everything(state_dir: Path) -> list[str]:
    """Give all that a closed database holds."""
    with closing(sqlite3.connect(state_dir / DATABASE)) as db:
        return list(db.iterdump())


async def all_rows(store: Store) -> list[str]:
    """Give all that an open database holds."""
    return await store._read(lambda db: list(db.iterdump()))
