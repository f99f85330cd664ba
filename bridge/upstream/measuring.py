"""Counting messages' octets in the background."""

from collections.abc import Mapping

from bridge.imap import UidSet, commands
from bridge.imap.events import Tagged
from bridge.model.failures import UpstreamRefused
from bridge.model.names import Uid, UidValidity
from bridge.model.places import Location, MailboxKey, MeasuredMessage
from bridge.octets import CrlfRepair, HeaderScan
from bridge.upstream.bodies import BodySorter, Piece
from bridge.upstream.latest import FEW, LARGEST, Latest
from bridge.upstream.link import Link
from bridge.upstream.names import MailboxNames
from bridge.upstream.opening import Opening, check_numbering, examine
from bridge.upstream.urgency import Urgency

TOGETHER_OCTETS = 1024 * 1024
"""Octets asked for in one command, as messages are thought to have: a reader waits for no more."""

TOGETHER = 128
"""Messages asked for in one command, at most."""

FEWER = 8
"""Parts that messages are asked for in when the server would not give all of them."""

FIRST_OCTETS = 128 * 1024
RANGE_OCTETS = 1024 * 1024


class Measuring:
    """Counts messages of one mailbox, newest first as they are given. `counted` grows; `left` shrinks.

    One `stretch` serves until a reader wants its connection; call it again while there is something `left`. Of a few
    messages, which may be new mail, the small ones are left in `latest`.
    """

    def __init__(
        self,
        names: MailboxNames,
        key: MailboxKey,
        uidvalidity: UidValidity,
        sizes: Mapping[Uid, int],
        latest: Latest,
        *,
        in_ranges: bool,
    ) -> None:
        self.counted: list[tuple[Uid, MeasuredMessage]] = []
        self.left = list(sizes)
        self._sizes = sizes
        self._names = names
        self._key = key
        self._uidvalidity = uidvalidity
        self._in_ranges = in_ranges
        self._fresh = False
        self._opening: Opening | None = None
        self._latest = latest
        self._keeps = len(self.left) <= FEW

    async def stretch(self, link: Link) -> None:
        """Count until done or interrupted; what the server will not give is left out, and not `left` either."""
        newest = Location(self._key, self._uidvalidity, max(self.left))
        self._opening = Opening(link, self._names, newest)
        self._fresh = self._opening.fresh
        served = False
        while self.left and not link.hurry and not (served and link.wanted(Urgency.READ)):
            await self._some(link)
            served = True

    async def _some(self, link: Link) -> None:
        batch = self.left[: self._together()]
        await self._those(link, batch)
        del self.left[: len(batch)]

    def _together(self) -> int:
        """Give how many are to be asked for by the next command."""
        octets = 0
        for at, uid in enumerate(self.left[:TOGETHER] if self._in_ranges else ()):
            octets += min(self._sizes[uid], FIRST_OCTETS)
            if octets > TOGETHER_OCTETS:
                return max(1, at)
        return TOGETHER if self._in_ranges else 1

    async def _those(self, link: Link, uids: list[Uid]) -> None:
        try:
            await self._batch(link, uids)
        except UpstreamRefused:
            if self._opening is not None:
                raise
            # One of them is the reason: among fewer, then alone, it is found.
            fewer = -(-len(uids) // FEWER)
            for at in range(0, len(uids), fewer) if len(uids) > 1 else ():
                await self._those(link, uids[at : at + fewer])

    async def _batch(self, link: Link, uids: list[Uid]) -> None:
        """Count a few messages by their beginnings, then those that are longer one by one."""
        counts = {uid: _Count(keeps=self._keeps) for uid in uids}
        await self._fetch(link, counts, 0, FIRST_OCTETS)
        unseen = {uid: _Count(keeps=self._keeps) for uid, octets in counts.items() if not octets.begun}
        if unseen and not self._fresh:
            # A mailbox that was open already may not show what came since: look again before leaving them out.
            selected = await examine(link, self._names, self._key.mailbox)
            check_numbering(link, selected, self._uidvalidity)
            self._fresh = True
            await self._fetch(link, unseen, 0, FIRST_OCTETS)
            counts |= unseen
        for uid, octets in counts.items():
            while octets.more:
                await self._fetch(link, {uid: octets}, octets.seen, RANGE_OCTETS)
            # An empty text is none where there should be more: a reader is refused that, too.
            if octets.begun and not octets.broken and (octets.seen or not self._sizes[uid]):
                self.counted.append((uid, octets.finish()))
                self._latest.put((self._key.mailbox, self._uidvalidity, uid), octets.text)

    async def _fetch(self, link: Link, counts: "dict[Uid, _Count]", offset: int, length: int) -> None:
        uids = UidSet.from_uids(counts)
        ranged = (offset, length) if self._in_ranges else (None, None)
        for octets in counts.values():
            octets.expect(offset, length if self._in_ranges else None)
        tag = link.begin(commands.fetch_body(uids, *ranged), owed=sum(min(length, self._sizes[uid]) for uid in counts))
        if self._opening is not None:
            await self._opening.settle(tag)
            self._opening = None
        patience, sorter = link.patience(), BodySorter(link)
        while not isinstance(event := await link.step(patience), Tagged) or event.tag != tag:
            for piece in sorter.take(event):
                octets_of = counts.get(Uid(piece.uid))
                if octets_of is not None and octets_of.take(piece):
                    patience.took(len(piece.data))
        for octets in counts.values():
            octets.landed()
        if event.kind != "OK":
            raise link.refused("give messages to be counted", event)


class _Count:
    """One message being counted, range by range. `text` is all of it, where it `keeps` that and it is short."""

    def __init__(self, *, keeps: bool) -> None:
        self.text: list[bytes] = []
        self.seen = 0
        self.begun = False
        self.broken = False
        self.more = False
        self._repair = CrlfRepair()
        self._header = HeaderScan()
        self._offset = 0
        self._length: int | None = None
        self._ended = False
        self._keeps = keeps

    def expect(self, offset: int, length: int | None) -> None:
        """A range is asked for."""
        self._offset, self._length, self._ended = offset, length, False

    def take(self, piece: Piece) -> bool:
        """Take a piece; False when it is not of the range asked for."""
        if self._ended or (self._length is not None and (piece.origin or 0) != self._offset):
            return False
        self.begun = True
        self.broken = self.broken or piece.missing or (self._length is not None and piece.size > self._length)
        self.seen += len(piece.data)
        self._keep(piece.data)
        repaired = self._repair.feed(piece.data)
        if not self._header.done:
            self._header.feed(repaired)
        self._ended = piece.ends
        return True

    def _keep(self, data: bytes) -> None:
        if self._keeps and data:
            self.text.append(data)
        if self.seen > LARGEST:
            self._keeps = False
            self.text.clear()

    def landed(self) -> None:
        """The range's command was answered: a full range may have more behind it."""
        full = self._length is not None and self._ended and self.seen == self._offset + self._length
        self.more = full and not self.broken
        # Nothing at all where there must be something more: the message went away meanwhile.
        self.broken = self.broken or (not self._ended)

    def finish(self) -> MeasuredMessage:
        """Give what was counted, after line-end repair."""
        self._repair.finish()
        return MeasuredMessage(self._repair.octets, self._header.subject)
