"""One account's connections, seen from the other rooms."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar

import trio

from bridge.model.failures import UpstreamError
from bridge.model.names import Uid, UidValidity
from bridge.model.places import Location, MailboxKey, MeasuredMessage
from bridge.model.registries import NO_RANGES
from bridge.model.settings import AccountSettings
from bridge.model.update import BringBack, Intent, MovedTo
from bridge.model.upkeep import Refusal, Used
from bridge.telemetry import instant
from bridge.upstream.acting import Begun
from bridge.upstream.batches import Batches, Sink
from bridge.upstream.bringing_back import bring_back
from bridge.upstream.carrying_out import CarryingOut
from bridge.upstream.credentials import TokenSource
from bridge.upstream.gathering import Gathering
from bridge.upstream.headers import HeaderFetching, Put, Stumbling, handing
from bridge.upstream.health import AccountHealth
from bridge.upstream.latest import Here
from bridge.upstream.link import Link
from bridge.upstream.listing import search
from bridge.upstream.measuring import Measuring
from bridge.upstream.names import MailboxNames, folders_of
from bridge.upstream.opening import Opening, ensure_open
from bridge.upstream.outcome import Copied, Outcome
from bridge.upstream.pool import Pool, nothing
from bridge.upstream.probing import probe
from bridge.upstream.quiet import Quiet
from bridge.upstream.reader import ContentReader
from bridge.upstream.report import ProbeReport
from bridge.upstream.request import Request
from bridge.upstream.signin import Connect, SignIn, connect_upstream
from bridge.upstream.stock import Stock
from bridge.upstream.streaming import stream
from bridge.upstream.urgency import Urgency
from bridge.upstream.usage import Usage
from bridge.upstream.watcher import Watcher

T = TypeVar("T")


class Account:
    """An account's connections, at most `max_connections`, the watcher's included; opened when needed.

    `timeout` is in seconds: for connecting, for each whole command, and for progress of bodies and listings. Methods
    raise the `UpstreamError`s of the model, whose sentences name the account. A password that the server refused is
    tried again now and then only: everything else raises `UpstreamLoginFailed` at once, until `sign_in_again`.
    Accounts share a `stock`. One with `oauth` signs in with what `tokens` gives.
    """

    def __init__(
        self,
        settings: AccountSettings,
        *,
        timeout: float,
        connect: Connect = connect_upstream,
        stock: Stock | None = None,
        tokens: TokenSource | None = None,
        usage: Usage | None = None,
        quiet: Quiet | None = None,
    ) -> None:
        self._settings = settings
        self._timeout = timeout
        self._connect = connect
        self._tokens = tokens
        self._names = MailboxNames(settings.name, folders_of(settings))
        self._usage = usage or Usage()
        self._pool = Pool(settings, SignIn(settings, timeout, connect, tokens, self._usage, quiet))
        self._stock = stock or Stock()
        self._in_ranges = NO_RANGES not in settings.quirks
        self._stumbling = Stumbling()
        self._begun = Begun()
        self._returning = Begun()
        self._watched = False

    async def run(self, task_status: "trio.TaskStatus[None]" = trio.TASK_STATUS_IGNORED) -> None:
        """Own the connections until cancelled. `started` at once: nothing is connected before it is needed.

        Nothing but `probe` works before; afterwards everything raises `UpstreamUnavailable`.
        """
        await self._pool.run(task_status)

    @property
    def health(self) -> AccountHealth:
        """How the connections are now."""
        return self._pool.told

    @property
    def used(self) -> Used:
        """What was used of the server within a day."""
        return self._usage.day

    @property
    def budget(self) -> int:
        """How many octets may be fetched within a day, 0 for any number."""
        return self._usage.budget

    @property
    def nearly_spent(self) -> bool:
        """True where the day's budget is nearly used up: what nobody waits for is to be left."""
        return self._usage.nearly_spent

    def keep_refusals(self, known: Refusal | None, changed: Callable[[Refusal | None], None]) -> None:
        """Go on from what is `known` against the user and password, and have `changed` called when that changes."""
        if known is not None:
            self._pool.remember(known)
        self._pool.refusals.changed = changed

    def sign_in_again(self) -> None:
        """Forget that the password was refused: the next request tries it."""
        self._pool.sign_in_again()

    async def prove(self) -> None:
        """Return once a connection is signed in: one that there is, else a new one, which is kept for what comes next.

        Raises `UpstreamLoginFailed` where the server does not take the password, else as any request does.
        """
        await self._ask(nothing, Urgency.READ)

    def watch(self) -> AbstractAsyncContextManager[Watcher]:
        """Open the watcher's connection, signed in. One watcher at a time."""
        return self._watch()

    @asynccontextmanager
    async def _watch(self) -> AsyncIterator[Watcher]:
        assert not self._watched, "an account has one watcher"
        self._watched = True
        try:
            connection = await self._pool.adopt()
            try:
                yield Watcher(self._pool, connection, self._names, self._settings.poll_interval, self._stumbling)
            except UpstreamError:
                connection.spent = True
                raise
            finally:
                self._pool.release(connection)
        finally:
            self._watched = False

    def read(self, location: Location, size: int, *, whole: bool = True) -> ContentReader | Here:
        """Open one message, with `async with`. `size` is what it is thought to have, in octets: a hint. Where only its
        beginning may be wanted, `whole` is False: what follows is asked for once that was taken.
        """
        text = self._pool.latest.get((location.key.mailbox, location.uidvalidity, location.uid))
        if text is not None:
            return Here(text)
        return self._reader(location, size, Urgency.READ, whole=whole)

    def read_later(self, location: Location, size: int) -> ContentReader:
        """Open one message that no device waits for: readers go first."""
        return self._reader(location, size, Urgency.MEASURE)

    def _reader(self, location: Location, size: int, urgency: Urgency, *, whole: bool = True) -> ContentReader:
        return ContentReader(
            self._pool,
            self._names,
            location,
            size,
            self._stock,
            whole=whole,
            in_ranges=self._in_ranges,
            urgency=urgency,
        )

    def batches(
        self, key: MailboxKey, uidvalidity: UidValidity, sink: Sink, urgency: Urgency = Urgency.READ
    ) -> Batches:
        """Give what fetches many small messages of one mailbox together, until it is closed."""
        return Batches(self._pool, self._names, key, uidvalidity, sink, urgency)

    async def gather(self, key: MailboxKey, uidvalidity: UidValidity, sizes: Mapping[Uid, int]) -> dict[Uid, bytes]:
        """Give several small messages, fetched together at low priority; what did not come whole is left out.

        `sizes` are what they are thought to have, in octets. Raises `MailboxChanged`.
        """
        gathering = Gathering(sizes)
        batches = self.batches(key, uidvalidity, gathering, Urgency.MEASURE)
        try:
            batches.ask(sizes)
            await gathering.ended.wait()
        finally:
            batches.close()
        if gathering.failure is not None:
            raise gathering.failure
        return gathering.texts

    async def measure(
        self,
        key: MailboxKey,
        uidvalidity: UidValidity,
        sizes: Mapping[Uid, int],
        sink: Callable[[Uid, MeasuredMessage], None],
    ) -> None:
        """Count messages' octets after line-end repair, and see whether they have a Subject; readers go first.

        `sizes` are what they are thought to have, in octets. What the server will not give is left out.

        `sink` is called in the caller's task, for what was counted also when this raises. Raises `MailboxChanged`.
        """
        latest = self._pool.latest
        measuring = Measuring(self._names, key, uidvalidity, sizes, latest, in_ranges=self._in_ranges)
        try:
            while measuring.left:
                request = Request(self._settings.name, Urgency.MEASURE, measuring.stretch)
                self._pool.submit(request)
                await request.wait()
        finally:
            for uid, counted in measuring.counted:
                sink(uid, counted)

    async def headers(
        self, key: MailboxKey, uidvalidity: UidValidity, uids: Sequence[Uid], sink: Callable[[Uid, bytes], None]
    ) -> None:
        """Give `sink` the header fields that messages are known by (`IDENTITY_FIELDS`); readers go first.

        What the server will not give is left out, and when it gives none at all, `UpstreamRefused` is raised a few
        times before that. `sink` is called in the caller's task while more come, so that few are in memory, and for
        what came also when this raises. Raises `MailboxChanged`.
        """
        fetching = HeaderFetching(key.mailbox, uidvalidity, uids, self._stumbling)

        async def job(link: Link, put: Put) -> None:
            await Opening(link, self._names, Location(key, uidvalidity, fetching.highest)).settle()
            await fetching.stretch(link, put)

        while fetching.left:
            await stream(self._settings.name, Urgency.MEASURE, self._pool.submit, job, handing(sink))

    async def find(self, key: MailboxKey, message_id: str) -> list[Location]:
        """Give where in a mailbox messages lie whose Message-ID holds this text. The server may have to read them all.

        Raises `MailboxMissing`, or `UpstreamRefused` where the server will not search so.
        """
        return await self._ask(lambda link: self._find(link, key, message_id))

    async def _find(self, link: Link, key: MailboxKey, message_id: str) -> list[Location]:
        selected = await ensure_open(link, self._names, key.mailbox)
        header = ("HEADER", "MESSAGE-ID", message_id.encode())
        found = await search(link, header, Uid(1), selected.exists)
        return [Location(key, UidValidity(selected.uidvalidity), Uid(uid)) for uid in found]

    async def carry_out(self, intent: Intent, copied: Callable[[MovedTo], Awaitable[None]] | None = None) -> Outcome:
        """Do what was promised, if the message is still the one it was promised for. Cancelled: it may be done.

        Where the server has no MOVE, `copied` is awaited between COPY and the removal of the original, with where the
        copy is, so that it is written down: what it raises is passed on. A later call goes on from `intent.copied`.
        """
        step = await self._carry_out(intent, None)
        if isinstance(step, Copied):
            self._begun.copied[intent.id] = step.moved
            if copied is not None and step.moved is not None:
                await copied(step.moved)
            instant("intent.copied")
            step = await self._carry_out(intent, step)
        assert isinstance(step, Outcome), "a copy is made once"
        if step.settled not in {"later", "gone", "elsewhere"}:
            self._begun.forget(intent.id)
        return step

    async def _carry_out(self, intent: Intent, copied: Copied | None) -> Outcome | Copied:
        async def job(link: Link) -> Outcome | Copied:
            return await CarryingOut(link, self._names, self._settings, intent, self._begun, copied).run()

        return await self._ask(job)

    async def bring_back(self, what: BringBack) -> Outcome:
        """Move a message back to where an intent took it from, if it is still the one. Cancelled: it may be back.

        `done` when it is back, with where it is now in `moved`; a copy may have stayed, and then the note says so.
        """
        outcome = await self._ask(lambda link: bring_back(link, self._names, self._settings, what, self._returning))
        if outcome.settled != "later":
            self._returning.forget(what.intent)
        return outcome

    async def _ask(self, job: Callable[[Link], Awaitable[T]], urgency: Urgency = Urgency.CARRY_OUT) -> T:
        request = Request(self._settings.name, urgency, job)
        self._pool.submit(request)
        return await request.wait()

    async def probe(self) -> ProbeReport:
        """Look at the server over a connection of its own, in the caller's task; needs no `run`."""
        return await probe(self._settings, SignIn(self._settings, self._timeout, self._connect, self._tokens))
