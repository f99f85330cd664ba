"""The store against a model, over random lives: no unique-id names two entries, none goes but by vanishing.

The model knows what the upstream has and what was committed; the store is a real one, on its own thread of Trio, closed
and opened again now and then.
"""

import shutil
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from threading import Thread
from typing import Any, TypeVar

import pytest
import trio
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bridge.model.failures import StoreUnavailable
from bridge.model.names import EntrySeq, ModSeq, Uid, Uidl, UidValidity
from bridge.model.places import ListedMessage, ListingChange, MailboxKey, MailboxState, StoredMessage
from bridge.store import Store, open_store
from tests.store.support import DEN, FAX, INBOX, JUNK, plan, trash

T = TypeVar("T")
KEYS = st.sampled_from([INBOX, JUNK])
DEVICES = st.sampled_from([FAX, DEN])


def crowded(uid: Uid, attempt: int) -> Uidl:
    """Name messages so that two mailboxes, and two UIDVALIDITYs, want the same unique-ids all the time."""
    return Uidl(f"u{uid % 4}.{attempt}")


class OpenStore:
    """A store on a thread of its own, for a test that is not async."""

    def __init__(self, state_dir: str) -> None:
        self._state_dir = state_dir
        self._thread = Thread(target=trio.run, args=(self._hold,))
        self._end = trio.Event()
        self._opened = False
        self._thread.start()
        while not self._opened and self._thread.is_alive():
            self._thread.join(0.001)

    async def _hold(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        async with open_store(self._state_dir) as self.store:
            self._opened = True
            await self._end.wait()

    def __call__(self, method: Callable[..., Awaitable[T]], *args: Any) -> T:
        return trio.from_thread.run(method, *args, trio_token=self._token)

    def close(self) -> None:
        trio.from_thread.run_sync(self._end.set, trio_token=self._token)
        self._thread.join()


class Upstream:
    """One mailbox as its server has it."""

    def __init__(self) -> None:
        self.uidvalidity = 1
        self.uidnext = 1
        self.sizes: dict[int, int] = {}

    def deliver(self, sizes: list[int]) -> None:
        for size in sizes:
            self.sizes[self.uidnext] = size
            self.uidnext += 1

    def renumber(self) -> None:
        self.uidvalidity += 1
        self.sizes = dict(enumerate(self.sizes.values(), 1))
        self.uidnext = len(self.sizes) + 1

    def state(self) -> MailboxState:
        return MailboxState(UidValidity(self.uidvalidity), Uid(self.uidnext), len(self.sizes), ModSeq(0))


class Promises(RuleBasedStateMachine):
    """What is committed, by place; and every name ever given."""

    @initialize()
    def begin(self) -> None:
        self.state_dir = tempfile.mkdtemp(prefix="popbridge-store-")
        self.open = OpenStore(self.state_dir)
        self.upstream = {INBOX: Upstream(), JUNK: Upstream()}
        self.shown: dict[MailboxKey, dict[Uid, StoredMessage]] = {INBOX: {}, JUNK: {}}
        self.shown_under: dict[MailboxKey, int | None] = {INBOX: None, JUNK: None}
        self.staged: dict[MailboxKey, dict[Uid, StoredMessage]] = {}
        self.begun_under: dict[MailboxKey, int | None] = {INBOX: None, JUNK: None}
        self.entries: dict[Uidl, EntrySeq] = {}
        self.meaning: dict[EntrySeq, tuple[MailboxKey, int, int, int]] = {}
        self.hidden: dict[str, set[EntrySeq]] = {FAX: set(), DEN: set()}
        self.promised: list[tuple[str, EntrySeq]] = []

    def teardown(self) -> None:
        self.open.close()
        shutil.rmtree(self.state_dir)

    @property
    def store(self) -> Store:
        return self.open.store

    @rule(key=KEYS, sizes=st.lists(st.integers(1, 3), min_size=1, max_size=4))
    def deliver(self, key: MailboxKey, sizes: list[int]) -> None:
        self.upstream[key].deliver(sizes)

    @rule(key=KEYS, data=st.data())
    def expunge(self, key: MailboxKey, data: st.DataObject) -> None:
        there = self.upstream[key].sizes
        for uid in data.draw(st.lists(st.sampled_from(sorted(there)), unique=True) if there else st.just([])):
            del there[uid]

    @rule(key=KEYS, uid=st.integers(1, 6), size=st.integers(1, 3))
    def lie(self, key: MailboxKey, uid: int, size: int) -> None:
        """A server that uses a UID again, or gives back what it had expunged."""
        server = self.upstream[key]
        if uid < server.uidnext and uid not in server.sizes:
            server.sizes[uid] = size

    @rule(key=KEYS)
    def renumber(self, key: MailboxKey) -> None:
        self.upstream[key].renumber()

    @rule(key=KEYS, batch=st.integers(1, 3), whole=st.booleans(), end_together=st.booleans())
    def refresh(self, key: MailboxKey, batch: int, whole: bool, end_together: bool) -> None:
        """List in batches, and perhaps be cut off before the end."""
        server = self.upstream[key]
        under = UidValidity(server.uidvalidity)
        known = self.shown[key] if self.shown_under[key] == under else {}
        replaced = self.shown_under[key] not in (None, under)
        gone = tuple(uid for uid in known if server.sizes.get(uid) != known[uid].size)
        lines = [ListedMessage(Uid(uid), size, 5, "") for uid, size in server.sizes.items()]
        new = [line for line in lines if line.uid not in known or line.uid in gone]
        first = ListingChange(key, under, vanished=gone, replaced=replaced)
        changes = [first] + [ListingChange(key, under, tuple(new[at : at + batch])) for at in range(0, len(new), batch)]
        if whole and end_together:
            changes[-1] = replace(changes[-1], state=server.state())
        elif whole:
            changes.append(ListingChange(key, under, state=server.state()))
        for change in changes:
            self.apply(change)

    def apply(self, change: ListingChange) -> None:
        rows = self.open(self.store.apply_listing, change, crowded)
        for row, line in zip(rows, change.appended, strict=True):
            assert (row.uid, row.size) == (line.uid, line.size)
            self.name(row, (change.key, change.uidvalidity, row.uid, row.size))
        self.shown_after(change, {row.uid: row for row in rows})

    def shown_after(self, change: ListingChange, rows: dict[Uid, StoredMessage]) -> None:
        """A listing under another UIDVALIDITY than the shown one is staged until it ends."""
        key, under = change.key, self.shown_under[change.key]
        if under is None and self.begun_under[key] != change.uidvalidity:
            self.shown[key] = {}
        self.begun_under[key] = change.uidvalidity
        if change.replaced:
            self.staged[key] = {}
        now = self.shown[key] if under in (None, change.uidvalidity) else self.staged[key]
        for uid in change.vanished:
            now.pop(uid, None)
        now.update(rows)
        if change.state is not None:
            self.shown[key], self.shown_under[key] = now, change.uidvalidity

    def name(self, row: StoredMessage, meaning: tuple[MailboxKey, int, int, int]) -> None:
        """A unique-id names one entry, and an entry one message, for ever."""
        assert self.entries.setdefault(row.uidl, row.seq) == row.seq
        assert self.meaning.setdefault(row.seq, meaning) == meaning

    @rule(device=DEVICES, data=st.data(), broken=st.booleans())
    def quit(self, device: Any, data: st.DataObject, broken: bool) -> None:
        """Hide some of what is shown, and promise to move it; a plan with an unknown entry must do nothing."""
        shown = [row for rows in self.shown.values() for row in rows.values()]
        rows = data.draw(st.lists(st.sampled_from(shown), unique=True, max_size=3) if shown else st.just([]))
        seqs = [row.seq for row in rows]
        unknown = [EntrySeq(10_000)] if broken else []
        intents = tuple(trash(row.seq, row.uid, 1.0) for row in rows)
        update = replace(plan(device, 1.0, seqs, seqs + unknown), intents=intents)
        if broken:
            with pytest.raises(StoreUnavailable):
                self.open(self.store.commit_update, update)
            return
        self.open(self.store.commit_update, update)
        self.hidden[device].update(seqs)
        self.promised += [(device, seq) for seq in seqs]

    @rule()
    def restart(self) -> None:
        self.open.close()
        self.open = OpenStore(self.state_dir)

    @invariant()
    def what_is_shown_is_what_was_committed(self) -> None:
        seen: set[Uidl] = set()
        for key, shown in self.shown.items():
            rows = self.open(self.store.load_messages, key)
            assert rows == sorted(shown.values())
            assert seen.isdisjoint(row.uidl for row in rows)
            seen.update(row.uidl for row in rows)

    @invariant()
    def what_is_hidden_stays_hidden(self) -> None:
        for device, seqs in self.hidden.items():
            assert self.open(self.store.load_hides, device) == sorted(seqs)
        due = self.open(self.store.due_intents, 1.0, 10_000)
        assert [(intent.device, intent.seq) for intent in due] == self.promised


TestPromises = Promises.TestCase
TestPromises.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
