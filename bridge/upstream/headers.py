"""Fetching the header fields that messages are known by, of many messages at once."""

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import islice

import trio

from bridge.identity import IDENTITY_FIELDS
from bridge.imap import UidSet, commands
from bridge.imap.events import Event, Fetched, Tagged
from bridge.model.failures import UpstreamError, UpstreamRefused
from bridge.model.names import MailboxName, Uid, UidValidity
from bridge.upstream.checking import header_of
from bridge.upstream.link import Link
from bridge.upstream.urgency import Urgency

Header = tuple[Uid, bytes]
Sink = Callable[[Uid, bytes], None]
Put = Callable[[list[Header]], Awaitable[None]]

TOGETHER = (500, 25, 1, 1)
"""Messages asked for in one command, by how often trouble came of asking for them. After that they are left out."""

HEADER_OCTETS = 400
"""About what the fields of one message have, with the line around them."""

BATCH_OCTETS = 128 * 1024
"""Octets handed on at once."""

REFUSALS = 100
"""Messages refused one by one, in one call, before it is taken for a refusal to give any just now."""


def handing(sink: Sink) -> Put:
    """Give what hands batches to `sink` one by one."""

    async def take(batch: list[Header]) -> None:
        for uid, header in batch:
            sink(uid, header)
        await trio.lowlevel.checkpoint()

    return take


class Stumbling:
    """Messages whose headers made trouble, per account: one of them must not keep all others from being read.

    A server may close the connection at a message that it cannot read itself, or call it a bug of its own, each time.
    But trouble may also pass, so it takes a few times until a message is left out.
    """

    def __init__(self) -> None:
        self._times: dict[tuple[MailboxName, UidValidity, int], int] = {}

    def over(self, mailbox: MailboxName, uidvalidity: UidValidity, uids: Iterable[int]) -> None:
        """Trouble came of asking for these."""
        for uid in uids:
            place = (mailbox, uidvalidity, uid)
            self._times[place] = self._times.get(place, 0) + 1

    def came(self, mailbox: MailboxName, uidvalidity: UidValidity, uid: int) -> None:
        """One of them came."""
        self._times.pop((mailbox, uidvalidity, uid), None)

    def sorted(self, mailbox: MailboxName, uidvalidity: UidValidity, uids: Iterable[Uid]) -> list[list[Uid]]:
        """Give those to be asked for, by how many together, as in `TOGETHER`."""
        found: list[list[Uid]] = [[] for _ in TOGETHER]
        for uid in uids:
            times = self._times.get((mailbox, uidvalidity, uid), 0) if self._times else 0
            if times < len(TOGETHER):
                found[times].append(uid)
        return found


class HeaderFetching:
    """Fetches headers of one mailbox, in stretches, until nothing is `left`.

    What the server does not give is left out, once that is no passing trouble, as far as `stumbling` remembers. Until
    then it raises: `UpstreamRefused` when nothing is given, or hardly anything.
    """

    def __init__(
        self, mailbox: MailboxName, uidvalidity: UidValidity, uids: Sequence[Uid], stumbling: Stumbling
    ) -> None:
        self._mailbox = mailbox
        self._uidvalidity = uidvalidity
        self._stumbling = stumbling
        self._refused: list[int] = []
        self._came = False
        self._pieces: deque[UidSet] = deque()
        by_times = stumbling.sorted(mailbox, uidvalidity, dict.fromkeys(uids))
        for together, some in zip(TOGETHER, by_times, strict=True):
            self._pieces += _pieces(some, together)

    @property
    def left(self) -> bool:
        """Whether there is anything to ask for yet."""
        return bool(self._pieces)

    @property
    def highest(self) -> Uid:
        """The highest UID that is left; there must be one."""
        return Uid(max(last for piece in self._pieces for _, last in piece.ranges()))

    async def stretch(self, link: Link, put: Put) -> None:
        """Fetch, from the open mailbox, until all came or a device wants the connection."""
        served = False
        while self._pieces and not link.hurry and not (served and link.wanted(Urgency.READ)):
            uids = self._pieces.popleft()
            pending = set(uids)
            try:
                await self._fetch(link, uids, pending, put)
            except UpstreamRefused:
                self._refused_some(len(uids), sorted(pending))
                if self._refuses_all():
                    self._stumbling.over(self._mailbox, self._uidvalidity, self._refused)
                    raise
            except UpstreamError:
                if link.lost is not None:
                    self._stumbling.over(self._mailbox, self._uidvalidity, pending)
                raise
            served = True

    async def _fetch(self, link: Link, uids: UidSet, pending: set[int], put: Put) -> None:
        link.begin(commands.fetch_headers(uids, IDENTITY_FIELDS), owed=len(uids) * HEADER_OCTETS)
        patience = link.patience()
        batch: list[Header] = []
        octets = 0
        while not isinstance(event := await link.step(patience), Tagged):
            if (found := self._header(event, pending)) is not None:
                patience.renew()
                batch.append(found)
                octets += len(found[1]) + HEADER_OCTETS
            if octets >= BATCH_OCTETS:
                await put(batch)
                batch, octets = [], 0
                patience.renew()
        if batch:
            await put(batch)
        if event.kind != "OK":
            if event.code is not None and event.code.name == "SERVERBUG":
                self._stumbling.over(self._mailbox, self._uidvalidity, pending)
            raise link.refused("give headers of messages", event)

    def _header(self, event: Event, pending: set[int]) -> Header | None:
        if not isinstance(event, Fetched) or event.uid not in pending:
            return None
        header = header_of(event.sections)
        if header is None:
            return None
        self._came = True
        pending.discard(event.uid)
        self._stumbling.came(self._mailbox, self._uidvalidity, event.uid)
        return Uid(event.uid), header

    def _refused_some(self, asked: int, pending: list[int]) -> None:
        """A NO leaves open which of them it is about: ask for fewer at once, down to one, which is left out."""
        smaller = next((together for together in TOGETHER if together < asked), 0)
        if smaller:
            self._pieces.extendleft(reversed(list(_pieces([Uid(uid) for uid in pending], smaller))))
        else:
            self._refused += pending

    def _refuses_all(self) -> bool:
        return len(self._refused) >= REFUSALS or not (self._came or self._pieces)


def _pieces(uids: Iterable[Uid], together: int) -> Iterable[UidSet]:
    """Cut into sets of so many, each short enough for a command's line; earlier ones first."""
    rest = iter(uids)
    while some := list(islice(rest, together)):
        yield from UidSet.from_uids(some).pieces()
