"""Devices' maildrops from the index: fresh where that can be had in time, the last known otherwise."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import trio

from bridge.index.account import IndexedAccount
from bridge.index.intents import IntentRunner
from bridge.index.ports import StorePort
from bridge.maildrop import MailboxSnapshot, Maildrop, merge
from bridge.model.failures import NotListedYet, StoreError
from bridge.model.names import AccountId, DeviceId, EntrySeq, SessionId
from bridge.model.places import Location, MeasuredMessage
from bridge.model.settings import DeviceSettings
from bridge.model.update import SessionRecord, UpdatePlan
from bridge.telemetry import get_logger

log = get_logger("index")

LEFTOVERS = 1000
"""Session rows and sizes waiting for the store; beyond that the oldest are not written, for they are only history."""


class Content(Protocol):
    """One message's octets."""

    async def receive(self) -> bytes: ...


Open = Callable[[Location, int], AbstractAsyncContextManager[Content]]


class DeviceMaildrops:
    """The session's port onto index and store."""

    def __init__(
        self,
        accounts: Mapping[AccountId, IndexedAccount],
        store: StorePort,
        intents: IntentRunner,
        read: Open,
        refresh_wait: float,
    ) -> None:
        self._accounts = accounts
        self._store = store
        self._intents = intents
        self._read = read
        self.refresh_wait = refresh_wait
        self._hidden: dict[DeviceId, set[EntrySeq]] = {}
        self._views: dict[DeviceId, tuple[tuple[tuple[object, int], ...], Maildrop]] = {}
        self._send, self._leftovers = trio.open_memory_channel[Callable[[], Awaitable[None]]](LEFTOVERS)

    async def load(self, devices: Iterable[DeviceId]) -> None:
        """Take up what each device has hidden."""
        for device in devices:
            self._hidden[device] = set(await self._store.load_hides(device))

    async def run(self) -> None:
        """Write what sessions leave behind, until cancelled."""
        async for work in self._leftovers:
            await self._write(work)

    async def flush(self) -> None:
        """Write what is left, when no session is any more."""
        while True:
            try:
                work = self._leftovers.receive_nowait()
            except trio.WouldBlock:
                return
            await self._write(work)

    async def _write(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except StoreError as failure:
            log.error("history.not_written", problem=str(failure))

    async def open(self, device: DeviceSettings, session: SessionId) -> Maildrop:
        """Give the device's maildrop. On a live, clean index this waits for nothing."""
        accounts = {self._accounts[source.account] for source in device.sources}
        stale = [account for account in accounts if not account.fresh]
        if stale:
            await self._refresh(stale)
        return self.view(device)

    async def _refresh(self, stale: list[IndexedAccount]) -> None:
        with trio.move_on_after(self.refresh_wait):
            async with trio.open_nursery() as nursery:
                for account in stale:
                    nursery.start_soon(account.wait_fresh)

    def view(self, device: DeviceSettings) -> Maildrop:
        """Give the maildrop as last committed. Raises `NotListedYet` when no source was ever listed whole."""
        found: dict[object, MailboxSnapshot] = {}
        waiting: list[str] = []
        for source in device.sources:
            mailbox = self._accounts[source.account].mailbox_for(source.mailbox)
            if mailbox is None or mailbox.snapshot is None:
                waiting.append(f"{source.account}/{source.mailbox}")
            else:
                found[mailbox.key] = mailbox.snapshot
        if not found:
            raise NotListedYet(f"device {device.name}: {', '.join(waiting)} not listed yet")
        hidden = self._hidden.setdefault(device.id, set())
        stamp = (*((key, snapshot.version) for key, snapshot in found.items()), ("hidden", len(hidden)))
        cached = self._views.get(device.id)
        if cached is None or cached[0] != stamp:
            cached = (stamp, merge(list(found.values()), hidden))
            self._views[device.id] = cached
        return cached[1]

    def read(self, location: Location, size: int) -> AbstractAsyncContextManager[Content]:
        """Open one message upstream."""
        return self._read(location, size)

    def measured(self, location: Location, message: MeasuredMessage) -> None:
        """Publish a size counted while it was sent, and write it down soon."""
        mailbox = self._accounts[location.key.account].mailboxes.get(location.key.mailbox)
        if mailbox is None or mailbox.snapshot is None or mailbox.snapshot.uidvalidity != location.uidvalidity:
            return
        sizes = mailbox.take_sizes({location.uid: message.octets})
        self._later(lambda: self._store.record_sizes(sizes))

    async def update(self, plan: UpdatePlan) -> None:
        """Commit the plan, then hide; a failure leaves both as they were."""
        await self._store.commit_update(plan)
        self._hidden.setdefault(plan.device, set()).update(plan.hide)
        if plan.intents:
            self._intents.promised()

    def hidden(self, device: DeviceId) -> int:
        """How many messages the device has hidden."""
        return len(self._hidden.get(device, ()))

    def closed(self, record: SessionRecord, unacknowledged: UpdatePlan | None) -> None:
        """Queue the session's history row and what it had sent without a QUIT."""
        self._later(lambda: self._store.record_session(record))
        if unacknowledged is not None:
            self._later(lambda: self._store.commit_update(unacknowledged))

    def _later(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            self._send.send_nowait(work)
        except trio.WouldBlock:
            log.warning("history.dropped", waiting=LEFTOVERS)
