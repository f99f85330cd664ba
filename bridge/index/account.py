"""One account of the index: its refresher, and how fresh it is."""

import math
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import trio

from bridge.index.background import Background
from bridge.index.looking import Look, Looker
from bridge.index.mailbox import IndexedMailbox, same
from bridge.index.ports import AccountPort, SpoolPort, StorePort, Watcher
from bridge.index.round import AccountMemory, Round
from bridge.index.spooling import SpoolAhead
from bridge.model.failures import MailboxMissing, StoreError, UpstreamError, UpstreamUnavailable
from bridge.model.names import MailboxName, Uid, UidValidity
from bridge.model.places import MailboxKey, MailboxState, Suspicion
from bridge.model.settings import AccountSettings
from bridge.telemetry import count, get_logger

log = get_logger("index")

FIRST_BACKOFF = 1.0
LAST_BACKOFF = 60.0
"""Seconds between tries to reach an upstream that is down; half to all of it, so that accounts do not march in step."""

PASSES = 8
"""How often mailboxes are looked at again in one round because others lost messages meanwhile."""

QUOTA_SECONDS = 3600.0
"""How long what the server said of its quota is good."""

StoredState = tuple[MailboxState | None, UidValidity | None]
"""A mailbox as the store has it: its state, None until it was listed whole, and the UIDVALIDITY of its messages."""

Searches = Mapping[str, Sequence[str]]
"""The search keys of devices, by the selector of the mailbox that they read."""


class IndexedAccount:
    """Keeps an account's mailboxes fresh. `run` owns all its tasks. `now` gives Unix seconds.

    `left` are mailboxes that no selector names any more, until it was looked whether another has what was in them.
    """

    def __init__(
        self,
        settings: AccountSettings,
        selectors: Iterable[str],
        upstream: AccountPort,
        store: StorePort,
        searches: Searches | None = None,
        now: Callable[[], float] = time.time,
        spool: SpoolPort | None = None,
    ) -> None:
        self.settings = settings
        self.selectors = tuple(dict.fromkeys(selectors))
        self.upstream = upstream
        self.mailboxes: dict[MailboxName, IndexedMailbox] = {}
        self.names: dict[str, MailboxName] = {}
        self.missing: dict[str, str] = {}
        self.left: set[MailboxKey] = set()
        self.quota: tuple[int, int] | None = None
        self.memory = AccountMemory()
        spooling = None if spool is None else SpoolAhead(settings, upstream, store, spool, self.mailboxes, now)
        self.background = Background(settings.name, upstream, store, self.mailboxes, spooling)
        self._searches = searches or {}
        self._store = store
        self._now = now
        self._orphans: dict[MailboxKey, MailboxState] = {}
        self._problem = ""
        self._live = False
        self._dirty = True
        self._fresh = trio.Event()
        self._nudge = trio.Event()
        self._watching = trio.CancelScope()
        self._quota_asked = -math.inf
        self._examined: MailboxName | None = None

    async def load(
        self,
        names: Mapping[str, MailboxName],
        states: Mapping[MailboxKey, StoredState],
        suspicions: Iterable[Suspicion] = (),
    ) -> None:
        """Take up what the store has, so that devices can be served before the upstream is reached."""
        for selector, name in names.items():
            if selector in self.selectors:
                self.names[selector] = name
        for name in dict.fromkeys(self.names.values()):
            mailbox = self._mailbox(name)
            await mailbox.load(*states.get(mailbox.key, (None, None)))
        for suspicion in suspicions:
            if (doubtful := self.mailboxes.get(suspicion.key.mailbox)) is not None:
                self.memory.suspicions[suspicion.key] = suspicion
                doubtful.restless = True
        mine = {key: state for key, (state, _) in states.items() if key.account == self.settings.id and state}
        self._orphans = {key: state for key, state in mine.items() if key.mailbox not in self.mailboxes}

    # --- what others ask

    def mailbox_for(self, selector: str) -> IndexedMailbox | None:
        """Give the mailbox behind a selector, or None while it is not known."""
        name = self.names.get(selector)
        return None if name is None else self.mailboxes.get(name)

    @property
    def problem(self) -> str:
        """What is wrong just now, in sentences, or nothing."""
        return "; ".join(dict.fromkeys([*([self._problem] if self._problem else []), *self.missing.values()]))

    @property
    def fresh(self) -> bool:
        """True while the watcher is connected and nothing is waiting to be listed."""
        return self._live and not self._dirty

    async def wait_fresh(self) -> None:
        """Wait until the index is fresh; the caller brings the deadline. Hurries a refresher that is backing off."""
        self._nudge.set()
        while not self.fresh:
            await self._fresh.wait()

    def look_again(self) -> None:
        """Look at every mailbox again, over a new connection, as soon as may be."""
        self._dirty = True
        self._watching.cancel()
        self._nudge.set()

    async def believe(self) -> None:
        """Take up which losses were accepted, and act on it."""
        mine = [each for each in await self._store.load_suspicions() if each.key in self.memory.suspicions]
        self.memory.suspicions.update({each.key: each for each in mine})
        self.look_again()

    # --- the refresher

    async def run(self) -> None:
        """Refresh, watch, identify and measure until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.background.run)
            await self._refresh_forever()

    async def _refresh_forever(self) -> None:
        pause = FIRST_BACKOFF
        while True:
            began, asked = trio.current_time(), 0.0
            try:
                with trio.CancelScope() as self._watching:
                    async with self.upstream.watch() as watcher:
                        await self._watch(watcher)
            except (UpstreamError, StoreError) as failure:
                self._note(failure)
                asked = failure.pause if isinstance(failure, UpstreamUnavailable) else 0.0
            finally:
                self._live = False
                self._dirty = True
            if trio.current_time() - began > LAST_BACKOFF:
                pause = FIRST_BACKOFF
            # What the server asked for is kept to whoever is at the door.
            await trio.sleep(asked)
            await self._back_off(pause)
            pause = min(pause * 2, LAST_BACKOFF)

    def _note(self, failure: Exception) -> None:
        count("refreshes_failed")
        if str(failure) != self._problem:
            log.warning("account.offline", account=self.settings.name, problem=str(failure))
        self._problem = str(failure)

    async def _back_off(self, seconds: float) -> None:
        """Wait; a device at the door shortens the wait to a second, but never to nothing."""
        self._nudge = trio.Event()
        wait = seconds * random.uniform(0.5, 1)  # noqa: S311 - jitter, not a secret
        with trio.move_on_after(wait):
            await trio.sleep(min(wait, FIRST_BACKOFF))
            await self._nudge.wait()

    async def _watch(self, watcher: Watcher) -> None:
        """Watch until a loss is doubted, which wants a look over another connection, or the connection fails."""
        self._examined = None
        for mailbox in self.mailboxes.values():
            mailbox.verified = False
        await self._resolve(watcher)
        alarmed = False
        while not alarmed:
            if self.missing:
                await self._resolve(watcher)
            mailboxes = self._reachable()
            alarmed = await self._look_round(watcher, mailboxes)
            self._publish()
            await self._ask_quota(watcher)
            if not alarmed:
                alarmed = await self._follow(watcher, mailboxes)

    async def _follow(self, watcher: Watcher, mailboxes: Sequence[IndexedMailbox]) -> bool:
        """Follow the open mailbox until the others are due for a look; True when a loss is doubted."""
        until = self._next_look(len(mailboxes) > 1 or bool(self.missing))
        while (left := until - trio.current_time()) > 0:
            if not await watcher.wait(min(left, self.settings.poll_interval), self._next_uid(mailboxes[0])):
                continue
            self._dirty = True
            if await self._look_round(watcher, mailboxes, mailboxes[:1]):
                self._publish()
                return True
            self._publish()
            until = min(until, self._next_look(len(mailboxes) > 1))
        return False

    def _next_uid(self, mailbox: IndexedMailbox) -> Uid | None:
        """Give the lowest UID that what comes can have; None where what came must be looked at with all the rest."""
        plain = mailbox.snapshot is not None and mailbox.verified and not mailbox.restless and not self.memory.held
        return mailbox.state.uidnext if plain and mailbox.state is not None else None

    def _next_look(self, several: bool) -> float:
        """When all mailboxes are to be looked at again, in Trio's time."""
        poll = trio.current_time() + self.settings.poll_interval if several else math.inf
        belief = trio.current_time() + max(1.0, self.memory.next_belief() - self._now())
        return min(poll, belief, max(trio.current_time() + 1.0, self.memory.next_hold(self._cycle)))

    @property
    def _cycle(self) -> float:
        return min(self.settings.poll_interval, LAST_BACKOFF)

    # --- a round

    async def _look_round(
        self, watcher: Watcher, mailboxes: Sequence[IndexedMailbox], only: Sequence[IndexedMailbox] = ()
    ) -> bool:
        """Look, and settle what was found; True when a loss is doubted."""
        looks = await self._sweep(watcher, mailboxes, only)
        if not looks and not self.memory.held:
            self.left.clear()
            return False
        known = {mailbox.key: mailbox for mailbox in self.mailboxes.values()}
        clock = trio.current_time()
        orphans = await self._orphaned(watcher) if any(look.renumbered for look in looks) else {}
        one = Round(
            self.settings.id,
            self._store,
            known,
            self.memory,
            now=self._now,
            clock=clock,
            cycle=self._cycle,
            orphans=orphans,
        )
        await one.settle(looks)
        if not only:
            self.left.clear()
        return one.alarmed

    async def _sweep(
        self, watcher: Watcher, mailboxes: Sequence[IndexedMailbox], only: Sequence[IndexedMailbox]
    ) -> list[Look]:
        """Look until no look is older than a loss that another found: a message that is missing in one mailbox may have
        come to another meanwhile. The first mailbox is the one left open, with nothing come to it since.
        """
        looker = Looker(watcher, self._store)
        looks: dict[MailboxKey, Look] = {}
        pending = list(only or mailboxes)
        if only and (came := await looker.arrived(only[0], self._searches_of(only[0]))) is not None:
            looks[came.mailbox.key] = came
            pending = []
        if only and self.memory.held:
            pending += [mailbox for mailbox in mailboxes if mailbox not in only]
        for _ in range(PASSES):
            if not pending:
                break
            older = await self._pass(watcher, looker, mailboxes, pending, looks)
            pending = [mailbox for mailbox in mailboxes if mailbox.key in older]
            if not pending and self._examined != mailboxes[0].key.mailbox and mailboxes[0] in self._reachable():
                pending = list(mailboxes[:1])
        return list(looks.values())

    async def _pass(
        self,
        watcher: Watcher,
        looker: Looker,
        mailboxes: Sequence[IndexedMailbox],
        pending: Sequence[IndexedMailbox],
        looks: dict[MailboxKey, Look],
    ) -> set[MailboxKey]:
        """Look at some mailboxes, the first of all at last; gives those whose look is older than a loss found now."""
        older: set[MailboxKey] = set()
        others = [mailbox for mailbox in pending if mailbox is not mailboxes[0]]
        told = await watcher.states([mailbox.key.mailbox for mailbox in others]) if others else {}
        for mailbox in [*others, *(mailbox for mailbox in pending if mailbox is mailboxes[0])]:
            before = looks.pop(mailbox.key, None)
            state = told.get(mailbox.key.mailbox)
            if isinstance(state, MailboxState) and self._as_known(mailbox, before, state):
                # As of the beginning of this pass, so older than what is found missing in it.
                looks |= {mailbox.key: before} if before is not None else {}
                continue
            look = await self._reach(watcher, looker, mailbox, before, state)
            older.discard(mailbox.key)
            if look is not None:
                looks[mailbox.key] = look
                if not set(look.missing) <= set(before.missing if before is not None else ()):
                    older |= {other.key for other in mailboxes if other is not mailbox}
        return older

    async def _reach(
        self,
        watcher: Watcher,
        looker: Looker,
        mailbox: IndexedMailbox,
        before: Look | None,
        told: MailboxState | UpstreamError | None,
    ) -> Look | None:
        """Look at a mailbox. One that is missing is an outage, not emptiness: it stays listed as it was."""
        try:
            if isinstance(told, UpstreamError):
                raise told
            return await self._look(watcher, looker, mailbox, before)
        except MailboxMissing as failure:
            self._miss(mailbox.key.mailbox, str(failure))
            return None

    async def _look(
        self, watcher: Watcher, looker: Looker, mailbox: IndexedMailbox, before: Look | None
    ) -> Look | None:
        searches = self._searches_of(mailbox)
        state = await watcher.examine(mailbox.key.mailbox)
        self._examined = mailbox.key.mailbox
        count("refreshes")
        if self._as_known(mailbox, before, state):
            return before
        if mailbox.snapshot is None and (mailbox.begun or not self._orphans):
            await mailbox.list_first(watcher, state)
            highest = max(mailbox.parts[0].uids, default=0)
            mailbox.found = await looker.search(mailbox, state, searches, highest)
            return None
        return await looker.look(mailbox, state, searches)

    def _as_known(self, mailbox: IndexedMailbox, before: Look | None, state: MailboxState) -> bool:
        """Tell whether a mailbox is as it was at the look before this one, or as it is published."""
        if before is not None:
            return same(before.state, state)
        return self._settled(mailbox, state, self._searches_of(mailbox))

    def _settled(self, mailbox: IndexedMailbox, state: MailboxState, searches: Sequence[str]) -> bool:
        unchanged = mailbox.unchanged(state) and mailbox.searched(searches)
        mailbox.verified = mailbox.verified or unchanged
        return unchanged

    def _searches_of(self, mailbox: IndexedMailbox) -> list[str]:
        keys = (
            self._searches.get(selector, ()) for selector, name in self.names.items() if name == mailbox.key.mailbox
        )
        return list(dict.fromkeys(key for some in keys for key in some))

    async def _orphaned(self, watcher: Watcher) -> dict[MailboxKey, MailboxState]:
        """Give the mailboxes that are mapped no more and are not there any more either: what was in them may have been
        moved elsewhere together with its mailbox, say to another host.
        """
        for key in list(self._orphans):
            try:
                await watcher.status(key.mailbox)
            except MailboxMissing:
                continue
            del self._orphans[key]
        return dict(self._orphans)

    # --- names

    async def _resolve(self, watcher: Watcher) -> None:
        """Find the mailboxes; one that is missing is left as it was last seen, and named in `status`."""
        before, self.missing = self.missing, {}
        for selector in self.selectors:
            try:
                name = await watcher.resolve(selector)
            except MailboxMissing as failure:
                self.missing[selector] = str(failure)
                continue
            if self.names.get(selector) != name:
                await self._store.save_selector(self.settings.id, selector, name)
            self.names[selector] = name
            self._mailbox(name)
        await self._let_go()
        self._problem = ""
        if self.missing and self.missing != before:
            log.warning("mailbox.missing", account=self.settings.name, problem=self.problem)
        if len(self.missing) == len(self.selectors):
            raise MailboxMissing(self.settings.name, self.problem)

    async def _let_go(self) -> None:
        """What was in a mailbox that no selector names any more may be in the one that its selector names now."""
        for name in self.mailboxes.keys() - self.names.values():
            mailbox = self.mailboxes.pop(name)
            if mailbox.state is not None:
                self._orphans[mailbox.key] = mailbox.state
                self.left.add(mailbox.key)
            if self.memory.suspicions.pop(mailbox.key, None) is not None:
                await self._store.clear_suspicion(mailbox.key)

    def _miss(self, name: MailboxName, problem: str) -> None:
        log.warning("mailbox.missing", account=self.settings.name, problem=problem)
        self.missing |= {selector: problem for selector, known in self.names.items() if known == name}

    def _reachable(self) -> list[IndexedMailbox]:
        found = (name for selector, name in self.names.items() if selector not in self.missing)
        return [self._mailbox(name) for name in dict.fromkeys(found)]

    def _mailbox(self, name: MailboxName) -> IndexedMailbox:
        if name not in self.mailboxes:
            self.mailboxes[name] = IndexedMailbox(MailboxKey(self.settings.id, name), self._store)
        return self.mailboxes[name]

    # --- afterwards

    def _publish(self) -> None:
        self._live, self._dirty = True, False
        self._fresh.set()
        self._fresh = trio.Event()
        self.background.wake()

    async def _ask_quota(self, watcher: Watcher) -> None:
        if trio.current_time() < self._quota_asked + QUOTA_SECONDS:
            return
        self._quota_asked = trio.current_time()
        self.quota = await watcher.quota()
