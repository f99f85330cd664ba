"""Spooling ahead: messages are fetched on arrival, newest first, and kept on disk before any device asks for them."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from bridge.index.mailbox import IndexedMailbox
from bridge.index.ports import AccountPort, SpoolPort, StorePort
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
"""Messages up to this long are fetched and written together."""

TOGETHER_OCTETS = 1024 * 1024
"""Octets of small messages that are fetched together: a device that comes meanwhile waits for no more."""

TOGETHER = 128
"""Small messages that are fetched together, at most."""


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
                for together in _grouped(wanted):
                    if self._upstream.nearly_spent:
                        return
                    await self._fetch_together(together)
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

    async def _fetch_together(self, wanted: Sequence[_Wanted]) -> None:
        """Fetch some messages of one mailbox; what does not come with the others is fetched alone."""
        key, uidvalidity, _ = wanted[0].location
        texts: Mapping[Uid, bytes] = {}
        if len(wanted) > 1:
            try:
                texts = await self._upstream.gather(key, uidvalidity, {one.location.uid: one.size for one in wanted})
            except MailboxChanged:
                return
        for one in wanted:
            text = texts.get(one.location.uid)
            if text is None:
                await self._fetch_alone(one)
            else:
                self._small.append((one.entry, text))
                self._measured.append((one.location, _measure(text)))
        await self._write()

    async def _fetch_alone(self, wanted: _Wanted) -> None:
        try:
            async with (
                self._upstream.read_later(wanted.location, wanted.size) as content,
                self._spool.draft(self._settings.id, wanted.entry) as draft,
            ):
                counting = _Counting()
                while chunk := await content.receive():
                    counting.feed(chunk)
                    await draft.write(chunk)
                await draft.keep()
        except (MessageGone, MessageChanged, MailboxChanged, UpstreamRefused):
            return
        self._measured.append((wanted.location, counting.finish()))

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
            count("messages_measured", len(measured))


class _Counting:
    """Counts a message as it comes, as it will be sent to devices."""

    def __init__(self) -> None:
        self._repair = CrlfRepair()
        self._header = HeaderScan()

    def feed(self, data: bytes) -> None:
        """Take the next octets."""
        repaired = self._repair.feed(data)
        if not self._header.done:
            self._header.feed(repaired)

    def finish(self) -> MeasuredMessage:
        """Give what was counted."""
        self._repair.finish()
        return MeasuredMessage(self._repair.octets, self._header.subject)


def _measure(text: bytes) -> MeasuredMessage:
    counting = _Counting()
    counting.feed(text)
    return counting.finish()


def _grouped(wanted: Iterable[_Wanted]) -> Iterator[list[_Wanted]]:
    """Put together what is fetched together: small messages of one mailbox, that follow each other."""
    group: list[_Wanted] = []
    octets = 0
    for one in wanted:
        joins = group and one.location[:2] == group[0].location[:2] and octets + one.size <= TOGETHER_OCTETS
        if group and not (joins and max(one.size, group[-1].size) <= SMALL_OCTETS and len(group) < TOGETHER):
            yield group
            group, octets = [], 0
        group.append(one)
        octets += one.size
    if group:
        yield group
