"""The connection that lists and watches."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import trio

from bridge.imap import UidSet
from bridge.model.failures import UpstreamError, UpstreamRefused
from bridge.model.names import MailboxName, Uid, UidValidity
from bridge.model.places import Arrivals, ListedMessage, MailboxState, Resynced, Since
from bridge.search import SearchMistake, parse
from bridge.upstream.connection import Connection
from bridge.upstream.errands import Errands
from bridge.upstream.headers import HeaderFetching, Put, Stumbling, handing
from bridge.upstream.idling import Idler
from bridge.upstream.link import Link
from bridge.upstream.listing import WAITING, list_messages, search, search_all
from bridge.upstream.names import INBOX, MailboxNames
from bridge.upstream.news import News
from bridge.upstream.opening import check_numbering, ensure_open, examine
from bridge.upstream.pool import Pool
from bridge.upstream.quota import quota
from bridge.upstream.request import Request
from bridge.upstream.resyncing import resync
from bridge.upstream.selected import Selected
from bridge.upstream.statuses import States, ask_states
from bridge.upstream.streaming import stream
from bridge.upstream.urgency import Urgency

T = TypeVar("T")
Sink = Callable[[list[ListedMessage]], Awaitable[None]]

NOTHING: Mapping[MailboxName, Since] = {}

BUSY_LOOK = 5.0
"""Seconds between looks at the watched mailbox while the only connection serves devices."""


class Watcher:
    """Lists and watches mailboxes over one connection, opened read-only. For one task at a time.

    Every wait has a deadline. All methods raise `UpstreamError`s; after `UpstreamUnavailable` or `UpstreamBroken` the
    connection is gone: leave the `async with` and open another. A cancelled call may have ended the connection too.
    """

    def __init__(
        self,
        pool: Pool,
        connection: Connection,
        names: MailboxNames,
        poll_interval: float,
        stumbling: Stumbling,
    ) -> None:
        self._pool = pool
        self._connection = connection
        self._names = names
        self._stumbling = stumbling
        self._idler = Idler(poll_interval)
        self._news = News()
        self._asking: set[MailboxName] = set()
        self.changed = False
        self.arrived: Arrivals | None = None
        self.resynced: Resynced | None = None
        self._mailbox = INBOX
        self._state: MailboxState | None = None
        self._looked = float("-inf")
        self._listed = False
        self._last_heard = trio.current_time()

    @property
    def pushes(self) -> bool:
        """True when the server tells of changes by itself (IDLE), False when it is asked again and again."""
        link = self._connection.link
        return self._idler.pushes and link is not None and link.can("IDLE")

    @property
    def last_heard(self) -> float:
        """When the server last sent anything, in Trio's time."""
        if self._connection.link is not None:
            self._last_heard = self._connection.link.last_heard
        return self._last_heard

    @property
    def asked(self) -> float:
        """When the examined mailbox was last opened or asked after, in Trio's time."""
        return self._idler.asked

    async def resolve(self, selector: str) -> MailboxName:
        """Give the mailbox that a selector names; a special use such as `\\Junk`, or a name as people write it.

        Raises `MailboxMissing`, with what comes close in its sentence.
        """
        if selector.upper() == INBOX:
            return INBOX
        return await self._ask(lambda link: self._find(link, selector))

    async def _find(self, link: Link, selector: str) -> MailboxName:
        if not self._listed:
            await self._names.refresh(link)
            self._listed = True
        return await self._names.find(link, selector)

    async def examine(self, mailbox: MailboxName) -> MailboxState:
        """Open the mailbox read-only and give its state as it is now. Raises `MailboxMissing`."""
        self._state = None
        self._state = await self._ask(lambda link: self._examine(link, mailbox))
        self._mailbox = mailbox
        self._news.heard([mailbox])
        return self._state

    async def _examine(self, link: Link, mailbox: MailboxName) -> MailboxState:
        selected = await examine(link, self._names, mailbox)
        await self._examined(link, selected)
        return selected.state

    async def _examined(self, link: Link, selected: Selected) -> None:
        self._idler.asked = self._looked = trio.current_time()
        if not selected.uidnext:
            # A server need not tell it (RFC 3501 §7.1); then it is what follows the highest there is.
            selected.uidnext = max(await search_all(link, selected.exists), default=0) + 1

    async def resync(self, mailbox: MailboxName, since: Since, *, headers: bool = False) -> Resynced:
        """Open the mailbox as `examine` does, and tell what happened to it since it was looked at, with the `headers`
        of what came, or not: one round trip. Raises `MailboxMissing`.
        """
        self._state = None
        resynced = await self._ask(lambda link: self._resync(link, mailbox, since, headers=headers))
        self._mailbox = mailbox
        self._news.heard([mailbox])
        return resynced

    async def _resync(self, link: Link, mailbox: MailboxName, since: Since, *, headers: bool) -> Resynced:
        self._pool.latest.listed_anew(mailbox, since.first)
        selected, resynced = await resync(link, self._names, mailbox, since, headers=headers)
        return await self._reopened(link, selected, resynced)

    async def _reopened(self, link: Link, selected: Selected, resynced: Resynced) -> Resynced:
        await self._examined(link, selected)
        found = resynced if resynced.state.uidnext else Resynced(selected.state)
        self._state = found.state
        return found

    async def status(self, mailbox: MailboxName) -> MailboxState:
        """Give the state of any mailbox; the examined one stays open. Raises `MailboxMissing`."""
        return await self._ask(lambda link: self._status(link, mailbox))

    async def _status(self, link: Link, mailbox: MailboxName) -> MailboxState:
        if link.selected is not None and link.selected.mailbox == mailbox:
            # STATUS is not for the open mailbox (RFC 3501 §6.3.10).
            return (await examine(link, self._names, mailbox)).state
        state = (await ask_states(link, self._names, [mailbox]))[mailbox]
        if isinstance(state, UpstreamError):
            raise state
        return state

    async def states(self, mailboxes: Sequence[MailboxName]) -> States:
        """Give the states of several mailboxes, or why one is not told; the examined one stays open.

        One round trip where the server has LIST-STATUS (RFC 5819), else one for all that are asked of by STATUS.
        """
        return await self._ask(lambda link: self._states(link, mailboxes))

    async def _states(self, link: Link, mailboxes: Sequence[MailboxName]) -> States:
        opened = link.selected.mailbox if link.selected is not None else None
        found = await ask_states(link, self._names, [each for each in mailboxes if each != opened])
        self._news.heard(found)
        if opened is not None and opened in mailboxes:
            found[opened] = (await examine(link, self._names, opened)).state
        return found

    async def list_messages(self, first: Uid, sink: Sink) -> None:
        """Hand the examined mailbox's messages from `first` on to `sink`, in UID order, each once, about 1000 a time.

        Returns after the server's tagged OK: only then is a message that did not come not there. Raises
        `MailboxChanged` when the mailbox was renumbered since `examine`. What `sink` raises is passed on.
        """

        async def job(link: Link, put: Sink) -> None:
            selected = await self._open(link)
            self._pool.latest.listed_anew(self._mailbox, first)
            if selected.exists:
                await list_messages(link, first, selected.exists, put)

        await stream(self._pool.account, Urgency.WATCH, self._submit, job, sink, WAITING)

    async def headers(self, uids: Sequence[Uid], sink: Callable[[Uid, bytes], None]) -> None:
        """Give `sink` the header fields that messages of the examined mailbox are known by (`IDENTITY_FIELDS`).

        What the server will not give is left out, and when it gives none at all, `UpstreamRefused` is raised a few
        times before that. `sink` is called while more come, so that few are in memory. Raises `MailboxChanged` as
        `list_messages` does.
        """
        mailbox, uidvalidity = self._mailbox, self._state.uidvalidity if self._state else UidValidity(0)
        fetching = HeaderFetching(mailbox, uidvalidity, uids, self._stumbling)

        async def job(link: Link, put: Put) -> None:
            await self._open(link)
            await fetching.stretch(link, put)

        while fetching.left:
            await stream(self._pool.account, Urgency.WATCH, self._submit, job, handing(sink))

    async def search(self, key: str, first: Uid) -> UidSet:
        """Give the UIDs from `first` on in the examined mailbox that a search key finds, as `bridge.search` reads it.

        Raises `UpstreamRefused` when the server will not search so, or the key is none; `MailboxChanged` as
        `list_messages` does.
        """
        return await self._ask(lambda link: self._search_for(link, key, first))

    async def _search_for(self, link: Link, key: str, first: Uid) -> UidSet:
        try:
            criteria = parse(key)
        except SearchMistake as mistake:
            sentence = f"account {link.account}: the search key {mistake}"
            raise UpstreamRefused(link.account, sentence) from mistake
        return await search(link, criteria, first, (await self._open(link)).exists)

    async def quota(self) -> tuple[int, int] | None:
        """Give how many octets the account holds, and how many it may hold; None where the server does not tell.

        Where INBOX counts against several limits, the one that will be reached first.
        """
        return await self._ask(quota)

    async def all_uids(self) -> UidSet:
        """Give every UID of the examined mailbox. Raises `MailboxChanged` as `list_messages` does."""
        return await self._ask(self._search)

    @property
    def messages(self) -> int:
        """How many messages the examined mailbox has, by what the server told last; 0 when it is not open."""
        selected = None if self._connection.link is None else self._connection.link.selected
        return selected.exists if selected is not None and selected.mailbox == self._mailbox else 0

    async def _search(self, link: Link) -> UidSet:
        return await search_all(link, (await self._open(link)).exists)

    # --- news

    async def follow(self, mailboxes: Sequence[MailboxName]) -> States:
        """Have the server tell by itself of changes in these mailboxes, where it can, from now on; gives the states of
        those that are not open. One round trip, or two.
        """
        return await self._ask(lambda link: self._news.begin(link, self._names, mailboxes))

    def pushed(self, mailbox: MailboxName) -> bool:
        """Tell whether the server tells of changes in a mailbox by itself, while `wait` waits."""
        return mailbox in self._news.pushed or (mailbox == self._mailbox and self.pushes)

    def ask(self, mailboxes: Iterable[MailboxName]) -> None:
        """Have the `wait` that is under way, or the next one, ask how mailboxes are, and return; from any task."""
        self._asking.update(mailboxes)
        if self._connection.link is not None:
            self._connection.link.interrupt()

    def take_news(self) -> States:
        """Give how mailboxes are of which the server told something during `wait`, or was asked; the examined one among
        them if it changed.
        """
        return self._news.take()

    async def wait(self, seconds: float, known: Mapping[MailboxName, Since] = NOTHING) -> bool:
        """Wait until there is news: True, and `take_news` has it. False after `seconds` without.

        IDLE where the server has it, renewed every two minutes, so that a dead connection is noticed; else NOOP every
        `poll_interval`. `changed` tells afterwards whether the examined mailbox changed since it was examined. When
        only a few messages came to it, and it is `known`, `arrived` has them afterwards, else `resynced` what happened
        to it where the server tells that: in the same round trip that ends IDLE, and it counts as examined with that.
        """
        self.arrived, self.resynced, self.changed = None, None, False
        until = trio.current_time() + seconds
        while not await self._ask(lambda link: self._wait(link, until, known), Urgency.WAIT):
            if trio.current_time() >= until:
                return False
        return True

    async def _wait(self, link: Link, until: float, known: Mapping[MailboxName, Since]) -> bool:
        """Wait until somebody else needs the connection, too; then it is asked for again behind them."""
        now = trio.current_time()
        if link.wanted(Urgency.MEASURE) and now < self._looked + BUSY_LOOK and not self._asking:
            return False
        selected = await ensure_open(link, self._names, self._mailbox)
        self._looked = now
        errands = Errands(link, self._names, selected, known)

        def changed() -> bool:
            return selected.changed or not self._same(selected.state) or self._news.any

        def ending() -> None:
            if (first := errands.fetch()) is not None:
                self._pool.latest.listed_anew(self._mailbox, first)
            if self._asking:
                errands.ask(self._asking)
                self._asking = set()

        def enough() -> bool:
            return changed() or errands.begun or bool(self._asking)

        await self._idler.wait(link, until, enough, ending)
        ending()
        self._arrive(await errands.finish(self._news), selected)
        if errands.resynced is not None:
            selected = link.selected or selected
            self.resynced = await self._reopened(link, selected, errands.resynced)
        came = self.arrived is not None or self.resynced is not None
        self.changed = came or selected.changed or not self._same(selected.state)
        if self.changed:
            self._news.put({self._mailbox: selected.state})
        elif errands.asked_open and self._state is not None:
            self._idler.asked = trio.current_time()
            self._news.put({self._mailbox: self._state})
        return self._news.any

    def _arrive(self, arrived: Arrivals | None, selected: Selected) -> None:
        self.arrived = arrived
        if arrived is not None:
            self._state = arrived.state
            selected.uidnext, selected.changed = arrived.state.uidnext, False

    def _same(self, state: MailboxState) -> bool:
        seen = self._state
        if seen is None or (seen.uidvalidity, seen.exists) != (state.uidvalidity, state.exists):
            return False
        return not state.uidnext or seen.uidnext == state.uidnext

    async def _open(self, link: Link) -> Selected:
        """Have the examined mailbox open; another request may have opened another since."""
        selected = await ensure_open(link, self._names, self._mailbox)
        if self._state is not None:
            check_numbering(link, selected, self._state.uidvalidity)
        return selected

    async def _ask(self, job: Callable[[Link], Awaitable[T]], urgency: Urgency = Urgency.WATCH) -> T:
        request = Request(self._pool.account, urgency, job)
        self._submit(request)
        return await request.wait()

    def _submit(self, request: Request[Any]) -> None:
        self._pool.submit_to(self._connection, request)
