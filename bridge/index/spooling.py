"""Spooling ahead: messages are fetched on arrival, newest first, and kept on disk before any device asks for them."""

import heapq
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from bridge.index.mailbox import IndexedMailbox
from bridge.index.ports import AccountPort, Content, SpoolPort, StorePort
from bridge.maildrop import MailboxSnapshot
from bridge.model.failures import MailboxChanged, MessageChanged, MessageGone, UpstreamRefused
from bridge.model.names import EntrySeq, MailboxName, Uid
from bridge.model.places import Location, MeasuredMessage
from bridge.model.settings import AccountSettings
from bridge.octets import CrlfRepair, HeaderScan
from bridge.telemetry import count

AT_ONCE = 256
"""Messages after which it is looked anew what is newest."""

SMALL_OCTETS = 64 * 1024
"""Messages up to this long are written together."""

TOGETHER_OCTETS = 1024 * 1024
"""Octets of small messages that are written together."""


class _Wanted(NamedTuple):
    """A message to be fetched. They sort by entry, which is by when they were first seen."""

    entry: EntrySeq
    location: Location
    size: int


class SpoolAhead:
    """Fetches one account's messages into the spool, which measures them too. `now` gives Unix seconds."""

    def __init__(
        self,
        settings: AccountSettings,
        upstream: AccountPort,
        store: StorePort,
        spool: SpoolPort,
        mailboxes: Mapping[MailboxName, IndexedMailbox],
        now: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._upstream = upstream
        self._store = store
        self._spool = spool
        self._mailboxes = mailboxes
        self._now = now
        self._skipped: set[int] = set()
        self._small: list[tuple[EntrySeq, bytes]] = []
        self._measured: list[tuple[Location, MeasuredMessage]] = []

    async def catch_up(self) -> None:
        """Fetch what is not spooled, as far as it is recent and there is room. Raises as the upstream and the store."""
        if self._settings.spool == "off":
            return
        while wanted := self._wanted():
            try:
                for one in wanted:
                    await self._fetch(one)
            finally:
                await self._write()
            for one in wanted:
                if self._spool.wants(self._settings.id, one.entry, one.size):
                    # It did not come, or is longer than was told and does not fit.
                    self._skipped.add(one.entry)

    def _wanted(self) -> list[_Wanted]:
        """Give what is to be fetched next, the newest first."""
        newest: list[_Wanted] = []
        for mailbox in self._mailboxes.values():
            if (snapshot := mailbox.snapshot) is not None:
                newest += self._newest(mailbox, snapshot)
        found = {one.entry: one for one in sorted(newest, reverse=True)[:AT_ONCE]}
        sizes = [(entry, one.size) for entry, one in found.items()]
        return [found[entry] for entry in self._spool.choose(self._settings.id, sizes)]

    def _newest(self, mailbox: IndexedMailbox, snapshot: MailboxSnapshot) -> Iterator[_Wanted]:
        since = self._now() - self._settings.spool_age
        missing = self._spool.missing(self._settings.id, snapshot.seqs).difference(self._skipped)
        for seq in heapq.nlargest(AT_ONCE, missing):
            entry, at = EntrySeq(seq), snapshot.place_of(seq)
            if snapshot.seen[at] >= since:
                location = Location(mailbox.key, snapshot.uidvalidity, Uid(snapshot.uids[at]))
                yield _Wanted(entry, location, snapshot.sizes[at])

    async def _fetch(self, wanted: _Wanted) -> None:
        try:
            async with self._upstream.read_later(wanted.location, wanted.size) as content:
                counted = _Counted(content)
                if wanted.size <= SMALL_OCTETS:
                    await self._take_small(wanted, counted)
                else:
                    await self._take_large(wanted, counted)
        except (MessageGone, MessageChanged, MailboxChanged, UpstreamRefused):
            return
        self._measured.append((wanted.location, counted.finish()))
        count("messages_measured")

    async def _take_small(self, wanted: _Wanted, content: "_Counted") -> None:
        chunks = []
        while chunk := await content.receive():
            chunks.append(chunk)
        self._small.append((wanted.entry, b"".join(chunks)))
        if sum(len(text) for _, text in self._small) >= TOGETHER_OCTETS:
            await self._write()

    async def _take_large(self, wanted: _Wanted, content: "_Counted") -> None:
        async with self._spool.draft(self._settings.id, wanted.entry) as draft:
            while chunk := await content.receive():
                await draft.write(chunk)
            await draft.keep()

    async def _write(self) -> None:
        small, self._small = self._small, []
        measured, self._measured = self._measured, []
        if small:
            await self._spool.keep(self._settings.id, small)
        for location, found in measured:
            mailbox = self._mailboxes.get(location.key.mailbox)
            if mailbox is not None and mailbox.snapshot and mailbox.snapshot.uidvalidity == location.uidvalidity:
                mailbox.take_measured(location.uidvalidity, {location.uid: found})
        if measured:
            await self._store.record_measured(measured)


class _Counted:
    """Counts a message as it comes, as it will be sent to devices."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._repair = CrlfRepair()
        self._header = HeaderScan()

    async def receive(self) -> bytes:
        """Give the next octets as they come."""
        data = await self._content.receive()
        repaired = self._repair.feed(data) if data else b""
        if not self._header.done:
            self._header.feed(repaired)
        return data

    def finish(self) -> MeasuredMessage:
        """Give what was counted."""
        self._repair.finish()
        return MeasuredMessage(self._repair.octets, self._header.subject)
