"""One message's octets, whatever becomes of the connections they come over."""

from types import TracebackType
from typing import Self

import trio

from bridge.model.failures import MessageGone, UpstreamError
from bridge.model.places import Location
from bridge.telemetry import count
from bridge.upstream.assembly import Assembly
from bridge.upstream.failures import Dropped, NothingCame
from bridge.upstream.fetching import Fetching, keep_warm
from bridge.upstream.link import Link
from bridge.upstream.names import MailboxNames
from bridge.upstream.opening import Opening, check_numbering, examine
from bridge.upstream.pool import Pool
from bridge.upstream.request import Request
from bridge.upstream.stock import Stock
from bridge.upstream.urgency import Urgency

DROPS = 2
"""Connections that may end without bringing anything before a message is given up."""


class ContentReader:
    """Gives one message's octets in order, as the server has them. For one task at a time, within `async with`.

    Fetches ahead at most two ranges of 1 MiB, and holds no connection while its caller takes none of them. Leaving the
    `async with` gives up what was under way, and does not wait for that.

    With the quirk `no-ranges` the message is fetched as one: then it holds its connection until the caller took all.
    """

    def __init__(
        self,
        pool: Pool,
        names: MailboxNames,
        location: Location,
        size: int,
        stock: Stock,
        *,
        whole: bool = True,
        in_ranges: bool,
        urgency: Urgency,
    ) -> None:
        self._pool = pool
        self._names = names
        self._location = location
        self._in_ranges = in_ranges
        self._urgency = urgency
        what = f"UID {location.uid} of {location.key.mailbox}"
        self._text = Assembly(pool.account, what, size, stock, whole=whole)
        self._request: Request[None] | None = None
        self._fetching: Fetching | None = None
        self._closed = False
        self._failure: UpstreamError | None = None
        self._news = trio.lowlevel.ParkingLot()
        self._room = trio.lowlevel.ParkingLot()
        self._drops = 0
        self._received_at_drop = -1

    async def __aenter__(self) -> Self:
        await trio.lowlevel.checkpoint_if_cancelled()
        self._go_on()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._closed = True
        if self._request is not None and not self._request.settled:
            self._request.abandon()
        self._text.close()
        self._room.unpark_all()
        await trio.lowlevel.cancel_shielded_checkpoint()

    async def receive(self) -> bytes:
        """Give the next octets, at most 256 KiB, or `b""` at the end and ever after.

        After the server dropped the connection it goes on over another, once it saw that the message is the same.
        Raises `MessageGone`, `MailboxChanged` (another UIDVALIDITY), `MessageChanged` (going on would mix two
        messages), `UpstreamRefused` (the server will not give this one message), and the other `UpstreamError`s; each
        again at every further call. Cancelled, it can be called again.
        """
        while True:
            if data := self._text.take():
                self._room.unpark_all()
                self._go_on()
                return data
            if self._text.whole:
                return b""
            self._text.hungry = True
            self._go_on()
            if self._failure is not None:
                raise self._failure
            await self._news.park()

    # --- the reader's task

    def _go_on(self) -> None:
        """See that somebody fetches, if there is room."""
        if self._fetching is not None:
            self._fetching.go_on()
        if self._request is not None and self._request.settled:
            self._end(self._request.failure)
        if self._request is not None or self._failure is not None or not self._text.wants():
            return
        self._request = Request(self._pool.account, self._urgency, self._fetch, self._ended)
        self._pool.submit(self._request)
        if self._request.settled:
            self._end(self._request.failure)

    def _ended(self) -> None:
        self._news.unpark_all()
        if self._closed and self._request is not None and self._request.failure is not None:
            keep_warm(self._pool, self._names, self._location.key.mailbox)

    def _end(self, failure: UpstreamError | None) -> None:
        """One stretch has ended: by itself, or with its connection, which can be gone on from."""
        self._request = None
        if isinstance(failure, Dropped) and self._may_go_on():
            count("upstream_resumed")
            self._text.start_again()
        elif failure is not None:
            self._failure = failure

    def _may_go_on(self) -> bool:
        if self._text.received > self._received_at_drop:
            self._drops = 0
        self._received_at_drop = self._text.received
        self._drops += 1
        return self._drops <= DROPS and (self._in_ranges or not self._text.received)

    # --- the connection's task

    async def _fetch(self, link: Link) -> None:
        opening = Opening(link, self._names, self._location)
        try:
            await self._stretch(link, opening)
        except MessageGone:
            # A mailbox that was open already may not show what came since: look again before believing it.
            if opening.fresh:
                raise
            await self._look_anew(link)
        except NothingCame:
            await self._look_anew(link)

    async def _look_anew(self, link: Link) -> None:
        selected = await examine(link, self._names, self._location.key.mailbox)
        check_numbering(link, selected, self._location.uidvalidity)
        self._text.start_again(looked_anew=True)
        await self._stretch(link, Opening(link, self._names, self._location))

    async def _stretch(self, link: Link, opening: Opening) -> None:
        fetching = Fetching(link, opening, self._location, self._text, self._news.unpark_all)
        if not self._in_ranges:
            await fetching.whole(self._room)
            return
        self._fetching = fetching
        try:
            await fetching.ranges()
        finally:
            self._fetching = None
