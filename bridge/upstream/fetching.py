"""The connection's part of reading one message: asking for ranges while there is room for what they bring."""

from collections.abc import Callable

import trio

from bridge.imap import UidSet, commands
from bridge.imap.events import Event, Fetched, FetchedBody, Tagged
from bridge.model.failures import MessageGone, UpstreamError
from bridge.model.names import MailboxName
from bridge.model.places import Location
from bridge.upstream.assembly import AHEAD_OCTETS, Assembly, Range
from bridge.upstream.bodies import BodySorter
from bridge.upstream.link import Link
from bridge.upstream.names import MailboxNames
from bridge.upstream.opening import Opening, ensure_open
from bridge.upstream.pool import Pool
from bridge.upstream.request import Request
from bridge.upstream.urgency import Urgency

PIPELINE = 2
"""Ranges under way at once on a connection: one arriving, and the next already asked for."""

GONE_CODES = frozenset({"EXPUNGEISSUED", "NONEXISTENT"})
"""Response codes of a NO that mean that the message is no longer there (RFC 5530 §3)."""


def keep_warm(pool: Pool, names: MailboxNames, mailbox: MailboxName) -> None:
    """Have a connection with the mailbox open for who comes next, in place of one that was given up. Does not wait."""

    async def job(link: Link) -> None:
        await ensure_open(link, names, mailbox)

    pool.submit(Request(pool.account, Urgency.MEASURE, job))


class Fetching:
    """One stretch of fetching over one connection, into the reader's `Assembly`; `news` is called when octets came.

    It ends when all came, when there is no room left, or, after a range at least, when another device waits. Failures
    about the message alone are raised when nothing is under way any more, so that the connection stays of use.
    """

    def __init__(
        self, link: Link, opening: Opening, location: Location, text: Assembly, news: Callable[[], object]
    ) -> None:
        self._link = link
        self._opening = opening
        self._uid = location.uid
        self._uids = UidSet.from_uids([location.uid])
        self._what = f"UID {location.uid} of {location.key.mailbox}"
        self._text = text
        self._news = news
        self._sorter = BodySorter(link)
        self._patience = link.patience()
        self._under_way: dict[str, Range] = {}
        self._asked = 0
        self._facts: str | None = None
        self._facts_told = False
        self._there = False
        self._seen = False
        self._failure: UpstreamError | None = None

    async def ranges(self) -> None:
        """Fetch in ranges. Raises `MessageGone`, `MessageChanged`, `UpstreamRefused`, or how the connection ended."""
        self._ask()
        await self._open()
        while self._under_way:
            self._take(await self._link.step(self._patience))
            self._ask()
        await self._end()

    async def whole(self, room: trio.lowlevel.ParkingLot) -> None:
        """Fetch as one. While nobody takes what came (`room` is where to wait), the server waits, too."""
        self._send(self._text.whole_range(), owed=self._text.thought)
        await self._open()
        while self._under_way:
            self._take(await self._link.step(self._patience))
            while self._text.held >= AHEAD_OCTETS and not self._link.hurry:
                await room.park()
                self._patience.renew()
        await self._end()

    async def _open(self) -> None:
        facts = () if self._facts is None else (self._facts,)
        await self._opening.settle(*self._under_way, *facts)
        self._patience.renew()

    async def _end(self) -> None:
        if self._facts is not None and not self._facts_told:
            await self._link.finish(self._facts, self._patience, self._take)
        if self._failure is not None:
            raise self._failure

    # --- asking

    def go_on(self) -> None:
        """Hear that some was taken: what there is room for now is asked for at once. From any task."""
        asked = self._asked
        if self._under_way and self._link.lost is None:
            self._ask()
        if self._asked > asked:
            self._link.nudge()

    def _ask(self) -> None:
        while len(self._under_way) < PIPELINE and not (self._failure or self._link.hurry):
            others = self._asked and self._link.wanted(Urgency.READ)
            wanted = None if others else self._text.next_range()
            if wanted is None:
                return
            if wanted.origin and self._facts is None:
                # Tells whether the message is still there, and as long as before, for ranges in which nothing comes.
                self._facts = self._link.begin(commands.fetch_facts(self._uids))
            self._send(wanted, owed=wanted.length or 0)

    def _send(self, wanted: Range, owed: int) -> None:
        ranged = wanted.length is not None
        command = commands.fetch_body(self._uids, wanted.origin if ranged else None, wanted.length)
        self._under_way[self._link.begin(command, owed)] = wanted
        self._asked += 1

    # --- what comes

    def _take(self, event: Event) -> None:
        for piece in self._sorter.take(event):
            if piece.uid == self._uid and self._failure is None:
                self._patience.took(self._text.put(piece))
                self._news()
        match event:
            case Fetched(uid=self._uid, size=size):
                self._seen = True
                if size is not None:
                    self._compare(size)
            case FetchedBody(uid=self._uid):
                self._seen = True
            case Tagged():
                self._land(event)
            case _:
                pass

    def _compare(self, size: int) -> None:
        self._there = True
        if not self._text.is_as_long(size):
            self._fail(self._text.changed())

    def _land(self, answer: Tagged) -> None:
        if answer.tag == self._facts:
            self._facts_told = True
        wanted = self._under_way.pop(answer.tag, None)
        # Once it failed nothing may end the text: what makes a message whole is judged by what it was thought to be.
        if wanted is None or self._failure is not None or not self._text.awaits(wanted):
            return
        self._patience.renew()
        nothing = not wanted.begun or (wanted.missing and not wanted.origin)
        if answer.kind != "OK":
            self._fail(self._refused(answer))
        elif nothing and not (wanted.origin and self._there):
            self._fail(self._text.nothing("gave no text") if self._seen else self._gone())
        else:
            try:
                self._text.land(wanted)
            except UpstreamError as failure:
                self._fail(failure)
        self._news()

    def _fail(self, failure: UpstreamError) -> None:
        self._failure = self._failure or failure

    def _refused(self, answer: Tagged) -> UpstreamError:
        if answer.code is not None and answer.code.name in GONE_CODES:
            return self._gone()
        return self._link.refused(f"give {self._what}", answer)

    def _gone(self) -> MessageGone:
        return MessageGone(self._link.account, f"account {self._link.account}: {self._what} is no longer there")
