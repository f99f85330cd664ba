"""Devices' maildrops from the index: fresh where that can be had in time, the last known otherwise."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import trio

from bridge.adapt import STUB_OCTETS, extra
from bridge.index.account import IndexedAccount
from bridge.index.counted import Counted
from bridge.index.intents import IntentRunner
from bridge.index.leftovers import Leftovers
from bridge.index.mailbox import IndexedMailbox
from bridge.index.ports import Content, StorePort
from bridge.index.spooled import Reading
from bridge.index.standing import Ground, Standing, ground, standing
from bridge.maildrop import DeviceRecord, Maildrop, SourceEdit, SourceView, build, decide, takes_long
from bridge.model.devices import Admission, Kin
from bridge.model.failures import MessageGone, NotListedYet, StoreError, UpstreamUnavailable
from bridge.model.names import AccountId, DeviceId, EntrySeq, SessionId
from bridge.model.places import Location, MailboxKey, MeasuredMessage
from bridge.model.settings import DeviceSettings, Source
from bridge.model.update import SessionRecord, UpdatePlan
from bridge.telemetry import count, get_logger, instant

log = get_logger("index")

COUNTS = "counts"
"""The quirk of a device that remembers only how many messages it had."""

LOOKED_AT_EVERY = 60.0
"""Seconds that the preview of a device's maildrop is good where only time could change it."""

_DECIDING = trio.CapacityLimiter(1)
"""Threads that decide: with more of them each would only take longer."""

Deciding = Callable[[], Admission]
Runner = Callable[[Deciding], Awaitable[Admission]]
"""Runs what takes long: in a worker thread, or at once under a test's clock, which does not wait for threads."""


async def _in_thread(deciding: Deciding) -> Admission:
    return await trio.to_thread.run_sync(deciding, limiter=_DECIDING)


class DeviceMaildrops:
    """The session's port onto index and store. `now` gives Unix seconds. `runner` is for work that takes long."""

    def __init__(
        self,
        accounts: Mapping[AccountId, IndexedAccount],
        store: StorePort,
        intents: IntentRunner,
        read: Reading,
        refresh_wait: float,
        now: Callable[[], float] = time.time,
        runner: Runner | None = None,
    ) -> None:
        self._accounts = accounts
        self._runner = runner or _in_thread
        self._store = store
        self._intents = intents
        self._read = read
        self.refresh_wait = refresh_wait
        self._now = now
        self._devices: dict[DeviceId, DeviceSettings] = {}
        self._records: dict[DeviceId, DeviceRecord] = {}
        self._opening: dict[DeviceId, trio.Lock] = {}
        self._views: dict[DeviceId, Maildrop] = {}
        self._standing: dict[DeviceId, Standing] = {}
        self._previews: dict[DeviceId, tuple[Standing, int]] = {}
        self._counted = Counted(accounts)
        self.leftovers = Leftovers(store, self._counted.publish)

    async def load(self, devices: Mapping[DeviceId, DeviceSettings]) -> None:
        """Take up the configuration's devices, and what the store has of each."""
        for device, settings in devices.items():
            if self._devices.get(device) != settings or device not in self._records:
                async with self._opened(device):
                    await self._load(settings)
        for gone in self._devices.keys() - devices.keys():
            self.drop(gone)
        self._devices = dict(devices)

    async def add(self, device: DeviceSettings) -> None:
        """Take up one more device, and what the store has of it."""
        async with self._opened(device.id):
            if self._devices.get(device.id) != device or device.id not in self._records:
                await self._load(device)
            self._devices[device.id] = device

    def drop(self, device: DeviceId) -> None:
        """Have nothing of a device in memory."""
        every: list[dict[DeviceId, Any]] = [self._devices, self._records, self._views, self._standing, self._previews]
        for kept in every:
            kept.pop(device, None)

    async def _load(self, device: DeviceSettings, former: DeviceRecord | None = None) -> DeviceRecord:
        """Make the record from the store. `former` is the one in whose place it comes in the middle of a login."""
        # What a session has just been sent without a QUIT may be in memory alone.
        await self.leftovers.flush()
        counts = COUNTS in device.quirks
        stored = await self._store.load_device(device.id, counts)
        record = self._records[device.id] = DeviceRecord(stored, counts=counts, former=former)
        self._views.pop(device.id, None)
        self._standing.pop(device.id, None)
        self._previews.pop(device.id, None)
        return record

    def _opened(self, device: DeviceId) -> trio.Lock:
        """Give what keeps a device's record from being decided on, or made anew, by two at once."""
        return self._opening.setdefault(device, trio.Lock())

    async def reload(self, device: DeviceId) -> None:
        """Take up anew what the store has of a device, after somebody changed it there."""
        async with self._opened(device):
            if (settings := self._devices.get(device)) is not None:
                await self._load(settings)

    # --- maildrops

    async def open(self, device: DeviceSettings, session: SessionId) -> Maildrop:
        """Give the device's maildrop. On a live, clean index that has nothing new for it this waits for nothing.

        What it is shown for the first time is on disk before this returns; when that fails it is shown what it was
        shown before. Raises `NotListedYet`.
        """
        self._check_configured(device)
        self._counted.publish()
        if stale := self._stale(device):
            await self._refresh(stale)
            self._check_configured(device)
        if (standing := self._stands(device)) is not None:
            return standing
        await self._wait_identified(device)
        async with self._opened(device.id):
            return await self._open(device, session)

    def _check_configured(self, device: DeviceSettings) -> None:
        """Raise `NotListedYet` when a reload took the device or an account of it away while it logs in: what is left
        would be a shortened list.
        """
        if device.id not in self._records or any(source.account not in self._accounts for source in device.sources):
            raise NotListedYet(f"device {device.name}: the configuration has changed meanwhile")

    def _stands(self, device: DeviceSettings) -> Maildrop | None:
        """Give the maildrop of the last login when nothing has changed since: no look at its messages, and no wait."""
        kept, busy = self._standing.get(device.id), self._opening.get(device.id)
        if kept is None or (busy is not None and busy.locked()):
            return None
        holds = kept.holds(device, self._records.get(device.id), ground(device, self._accounts), self._now())
        return kept.maildrop if holds else None

    def _stale(self, device: DeviceSettings) -> dict[AccountId, list[str]]:
        """Give the device's mailboxes that may have changed since the last look, by account, as it selects them."""
        found: dict[AccountId, list[str]] = {}
        for source in device.sources:
            if not self._accounts[source.account].fresh((source.mailbox,)):
                found.setdefault(source.account, []).append(source.mailbox)
        return found

    async def _refresh(self, stale: Mapping[AccountId, Sequence[str]]) -> None:
        with trio.move_on_after(self.refresh_wait):
            async with trio.open_nursery() as nursery:
                for account, mailboxes in stale.items():
                    nursery.start_soon(self._accounts[account].wait_fresh, mailboxes)

    async def _wait_identified(self, device: DeviceSettings) -> None:
        """At first contact, wait a little for what tells copies apart."""
        if not any(self._unidentified(device, mailbox) for _, mailbox in self._mapped(device)):
            return
        with trio.move_on_after(self.refresh_wait):
            while True:
                unready = [mailbox for _, mailbox in self._mapped(device) if self._unidentified(device, mailbox)]
                if not unready:
                    return
                await self._accounts[unready[0].key.account].background.wait_identified()
                self._check_configured(device)

    async def _open(self, device: DeviceSettings, session: SessionId) -> Maildrop:
        self._check_configured(device)
        sources, beneath = self._sources(device), ground(device, self._accounts)
        record = self._records[device.id]
        first_time = not record.shown
        admission = await self._decide(device, record, sources, session)
        if record.incomplete:
            # Something that went is back, and only the store knows its place and its name.
            record = await self._load(device, record)
            admission = await self._decide(device, record, sources, session)
        if record.next_position and (kin := await self._store.load_kin(device.id, admission.new)):
            admission = await self._decide(device, record, sources, session, kin)
        if not admission.empty:
            instant("admission.before_commit")
            try:
                await self._store.commit_admission(admission)
            except StoreError as failure:
                count("admissions_failed")
                log.error("admission.not_written", device=device.name, problem=str(failure))
                if first_time:
                    raise
            else:
                record.take_admission(admission)
                instant("admission.committed")
                if record.incomplete:
                    # What a copy took over was never in memory: it is on disk.
                    record = await self._load(device, record)
        maildrop = self._built(device, record, sources, session)
        if admission.empty and not record.new_in(session):
            self._standing[device.id] = standing(maildrop, device, record, beneath)
        return maildrop

    async def _decide(
        self,
        device: DeviceSettings,
        record: DeviceRecord,
        sources: Sequence[SourceView],
        session: SessionId,
        kin: Sequence[Kin] = (),
    ) -> Admission:
        """Decide; about many messages in a thread of its own, for that may take seconds."""
        deciding = partial(decide, device, record, sources, session, self._now(), kin)
        if takes_long(device, record, sources):
            return await self._runner(deciding)
        return deciding()

    def _built(
        self, device: DeviceSettings, record: DeviceRecord, sources: Sequence[SourceView], session: SessionId
    ) -> Maildrop:
        previous = self._views.get(device.id)
        built = build(device, record, sources, session, extra=_extra, stub_octets=STUB_OCTETS, previous=previous)
        self._views[device.id] = built
        return built

    # --- sources

    def _mapped(self, device: DeviceSettings) -> list[tuple[Source, IndexedMailbox]]:
        """Give the sources whose mailboxes were listed whole, each mailbox once."""
        found: dict[MailboxKey, tuple[Source, IndexedMailbox]] = {}
        for source in device.sources:
            mailbox = self._accounts[source.account].mailbox_for(source.mailbox)
            if mailbox is not None and mailbox.parts:
                found.setdefault(mailbox.key, (source, mailbox))
        return list(found.values())

    def _unidentified(self, device: DeviceSettings, mailbox: IndexedMailbox) -> bool:
        """True while it cannot be told yet which messages of a mailbox are copies of others the device sees."""
        if device.deduplicate == "off" or not mailbox.unidentified:
            return False
        # A source that is not listed yet counts: what is shown now may have a copy there.
        everywhere = device.deduplicate == "all"
        scope = [one for one in device.sources if everywhere or one.account == mailbox.key.account]
        if len({(one.account, one.mailbox) for one in scope}) < 2:
            return False
        boxes = [box for _, box in self._mapped(device) if box.key.account == mailbox.key.account]
        provided = all(part.providers for box in boxes for part in box.parts if len(part))
        known = provided and not everywhere
        return not known and mailbox.key not in self._records[device.id].shown

    def waiting(self, device: DeviceSettings) -> list[str]:
        """Name the sources that the device is not shown yet, because they were never listed whole."""
        found = []
        for source in device.sources:
            account = self._accounts.get(source.account)
            mailbox = None if account is None else account.mailbox_for(source.mailbox)
            if mailbox is None or not mailbox.parts or self._unidentified(device, mailbox):
                found.append(f"{source.account}/{source.mailbox}")
        return found

    def _sources(self, device: DeviceSettings) -> list[SourceView]:
        """Give what the device's sources have. One that it was never shown may be missing yet, and is left out; raises
        `NotListedYet` when that is all of them, or one that it was shown is not to be had.
        """
        ready = [(source, box) for source, box in self._mapped(device) if not self._unidentified(device, box)]
        lost = self._records[device.id].shown - {box.key for _, box in ready} - self._unmapped(device)
        if lost or not ready:
            names = [str(key) for key in sorted(lost)] or self.waiting(device)
            sentence = f"device {device.name}: {', '.join(names)} {self._progress(device)}"
            raise NotListedYet(sentence, *self._listing(device))
        return [_source_view(device, source, mailbox) for source, mailbox in ready]

    def _unmapped(self, device: DeviceSettings) -> set[MailboxKey]:
        """Give the mailboxes that the device was shown and whose sources the configuration has no more."""
        mapped = set()
        for source in device.sources:
            account = self._accounts[source.account]
            name = account.names.get(source.mailbox)
            if name is not None:
                mapped.add(MailboxKey(source.account, name))
            mapped |= account.left
        return {key for key in self._records[device.id].shown if key not in mapped}

    def _listing(self, device: DeviceSettings) -> tuple[int, int]:
        """Give how many messages the first listings under way have, and how many they will have."""
        boxes = (self._accounts[source.account].mailbox_for(source.mailbox) for source in device.sources)
        told = {box.key: box.listing for box in boxes if box is not None and box.listing is not None}
        return sum(have for have, _ in told.values()), sum(of for _, of in told.values())

    def _progress(self, device: DeviceSettings) -> str:
        boxes = (self._accounts[source.account].mailbox_for(source.mailbox) for source in device.sources)
        told = [box.progress for box in boxes if box is not None and box.progress]
        return f"not listed yet ({'; '.join(told)})" if told else "not listed yet"

    async def preview(self, device: DeviceSettings) -> tuple[Maildrop, int]:
        """Give the maildrop as the device was last shown it, less what is gone, and how many messages are new to it.

        While nothing changes it is looked at once a minute, however often it is asked for. Raises `NotListedYet`.
        """
        self._check_configured(device)
        if (standing := self._stands(device)) is not None:
            return standing, 0
        async with self._opened(device.id):
            self._check_configured(device)
            beneath, record = ground(device, self._accounts), self._records[device.id]
            kept = self._previews.get(device.id)
            if kept is None or not kept[0].holds(device, record, beneath, self._now()):
                kept = self._previews[device.id] = await self._preview(device, record, beneath)
            return kept[0].maildrop, kept[1]

    async def _preview(self, device: DeviceSettings, record: DeviceRecord, beneath: Ground) -> tuple[Standing, int]:
        until, sources = self._now() + LOOKED_AT_EVERY, self._sources(device)
        admission = await self._decide(device, record, sources, SessionId(""))
        stands = standing(self._built(device, record, sources, SessionId("")), device, record, beneath)
        return replace(stands, until=until), len(admission.announce)

    def hidden(self, device: DeviceId) -> int:
        """How many messages the device has hidden."""
        return len(self._records[device].hidden) if device in self._records else 0

    # --- what sessions do

    @asynccontextmanager
    async def read(
        self, entry: EntrySeq, location: Location, size: int, *, whole: bool = True
    ) -> AsyncIterator[Content]:
        """Open one message. What is listed only because its loss is not believed yet is not to be had just now."""
        try:
            async with self._read.open(entry, location, size, whole=whole) as content:
                yield content
        except MessageGone as failure:
            account = self._accounts.get(location.key.account)
            if account is None or location.key not in account.memory.suspicions:
                raise
            sentence = f"{failure}, like so many of {location.key} that it is not believed yet"
            raise UpstreamUnavailable(failure.account, sentence) from failure

    def spools(self, maildrop: Maildrop) -> bool:
        """Tell whether an account behind the maildrop spools."""
        accounts = (self._accounts.get(mailbox.key.account) for mailbox in maildrop.mailboxes)
        return any(account is not None and account.settings.spool == "ahead" for account in accounts)

    def spooled(self, entry: EntrySeq, location: Location) -> bool:
        """Tell whether a message is spooled, so that reading it asks for nothing upstream."""
        return self._read.spooled(entry, location)

    def fetched(self, entry: EntrySeq, location: Location, text: Sequence[bytes]) -> None:
        """Take a whole message that came without `read`, as the upstream has it, and keep it where that is wanted."""
        self._read.fetched(entry, location, text)

    def measured(self, location: Location, found: MeasuredMessage) -> None:
        """Publish soon what was counted while it was sent, and write it down: the next login sees it in any case."""
        self._counted.take(location, found)
        self.leftovers.measured(location, found)

    def closed(self, record: SessionRecord, unacknowledged: UpdatePlan | None) -> None:
        """Leave the session's history row and what it had sent without a QUIT to be written soon.

        What is hidden for having been sent is so at once: such a device comes straight back.
        """
        self.leftovers.session(record)
        if unacknowledged is not None:
            self._take(unacknowledged)
            self.leftovers.sent(unacknowledged)

    async def update(self, plan: UpdatePlan) -> None:
        """Commit the plan, then hide; a failure leaves both as they were."""
        await self._store.commit_update(plan)
        self._take(plan)
        if plan.intents:
            self._intents.promised()

    def _take(self, plan: UpdatePlan) -> None:
        """Hide from now on. A device that a reload took out of the configuration may have had its session still."""
        if (record := self._records.get(plan.device)) is not None:
            record.take_update(plan)


def _extra(edit: SourceEdit, subject: bool) -> int:
    return extra(edit.mark, edit.provenance, subject)


def _source_view(device: DeviceSettings, source: Source, mailbox: IndexedMailbox) -> SourceView:
    found = mailbox.found.get(device.search) if device.search else None
    if found is not None and mailbox.snapshot is not None and found.uidvalidity != mailbox.snapshot.uidvalidity:
        found = None
    if not device.search:
        return SourceView(source, mailbox.parts)
    return SourceView(source, mailbox.parts, found.uids if found else frozenset(), found.upto if found else 0)
