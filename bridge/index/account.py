"""One account of the index: its refresher, and how fresh it is."""

import math
import random
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import trio

from bridge.index.background import Background
from bridge.index.freshness import Freshness
from bridge.index.looking import Look
from bridge.index.mailbox import IndexedMailbox
from bridge.index.ports import AccountPort, SpoolPort, StorePort, Watcher
from bridge.index.round import AccountMemory, Round
from bridge.index.spooling import SpoolAhead
from bridge.index.sweeping import NOTHING, Sweeper, Told
from bridge.model.failures import MailboxMissing, StoreError, UpstreamError, UpstreamUnavailable
from bridge.model.names import MailboxName, UidValidity
from bridge.model.places import MailboxKey, MailboxState, Since, Suspicion
from bridge.model.settings import AccountSettings
from bridge.telemetry import count, get_logger

log = get_logger("index")

FIRST_BACKOFF = 1.0
LAST_BACKOFF = 60.0
"""Seconds between tries to reach an upstream that is down; half to all of it, so that accounts do not march in step."""

INBOX = MailboxName("INBOX")

PUSHED_SECONDS = 120.0
"""Between questions after mailboxes of which the server tells by itself: Dovecot says nothing when it runs out of what
it notices changes by. They go out together with the end of IDLE, which is renewed as often.
"""

LOOK_SECONDS = 600.0
"""Between looks at all mailboxes, also where the server tells of changes: of some things it tells nothing."""

AT_ONCE = 1.0
"""Seconds between an answer and a change behind it: faster than anybody's mail program is again and again."""

QUOTA_SECONDS = 3600.0
"""How long what the server said of its quota is good."""

StoredState = tuple[MailboxState | None, UidValidity | None]
"""A mailbox as the store has it: its state, None until it was listed whole, and the UIDVALIDITY of its messages."""

Searches = Mapping[str, Sequence[str]]
"""The search keys of devices, by the selector of the mailbox that they read."""


class IndexedAccount:
    """Keeps an account's mailboxes fresh. `run` owns all its tasks. `now` gives Unix seconds.

    `next_try` is when its server is asked again, in Unix seconds, 0 while it is not down. `left` are mailboxes that no
    selector names any more, until it was looked whether another has what was in them.
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
        self.next_try = 0.0
        self.memory = AccountMemory()
        spooling = None if spool is None else SpoolAhead(settings, upstream, store, spool, self.mailboxes, now)
        self.background = Background(settings.name, upstream, store, self.mailboxes, spooling)
        self._searches = searches or {}
        self._store = store
        self._now = now
        self._orphans: dict[MailboxKey, MailboxState] = {}
        self._problem = ""
        self._freshness = Freshness(settings.poll_interval / 2)
        self._nudge = trio.Event()
        self._watching = trio.CancelScope()
        self._quota_asked = -math.inf

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

    def fresh(self, selectors: Iterable[str]) -> bool:
        """True while nothing that is known to have come to these mailboxes waits to be listed, and each of them is told
        of as it changes, or was asked after lately. One that is not there has nothing to wait for.
        """
        return all(self._fresh(selector) for selector in selectors)

    def _fresh(self, selector: str) -> bool:
        if selector in self.missing:
            return self._freshness.watcher is not None
        name = self.names.get(selector)
        return name is not None and self._freshness.fresh(name)

    async def wait_fresh(self, selectors: Collection[str] | None = None) -> None:
        """Wait until mailboxes are fresh, all if none are named; the caller brings the deadline. Hurries a refresher
        that is backing off, and has a server asked that was not asked lately.
        """
        wanted = self.selectors if selectors is None else selectors
        self._nudge.set()
        while not self.fresh(wanted):
            stale = self._freshness.stale(self.names[each] for each in wanted if each in self.names)
            if stale and self._freshness.watcher is not None:
                self._freshness.watcher.ask(stale)
            await self._freshness.settled()

    def watched(self, selector: str) -> str:
        """Say how changes in a mailbox are noticed: `IDLE`, `NOTIFY`, or `every 60 s`; nothing while they are not."""
        name, watcher = self.names.get(selector), self._freshness.watcher
        if name is None or watcher is None or selector in self.missing:
            return ""
        if watcher.pushed(name):
            return "IDLE" if name == self._reachable()[0].key.mailbox else "NOTIFY"
        return f"every {self.settings.poll_interval:g} s"

    def look_again(self) -> None:
        """Look at every mailbox again, over a new connection, as soon as may be."""
        self._freshness.lost()
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
                self._freshness.lost()
            if trio.current_time() - began > LAST_BACKOFF:
                pause = FIRST_BACKOFF
            await self._back_off(asked, pause)
            pause = min(pause * 2, LAST_BACKOFF)

    def _note(self, failure: Exception) -> None:
        count("refreshes_failed")
        if str(failure) != self._problem:
            log.warning("account.offline", account=self.settings.name, problem=str(failure))
        self._problem = str(failure)

    async def _back_off(self, asked: float, seconds: float) -> None:
        """Wait; a device at the door shortens the wait to a second, but never to nothing. What the server `asked` for
        is kept to whoever is at the door.
        """
        wait = seconds * random.uniform(0.5, 1)  # noqa: S311 - jitter, not a secret
        self.next_try = self._now() + asked + wait
        await trio.sleep(asked)
        self._nudge = trio.Event()
        with trio.move_on_after(wait):
            await trio.sleep(min(wait, FIRST_BACKOFF))
            await self._nudge.wait()
        self.next_try = 0.0

    async def _watch(self, watcher: Watcher) -> None:
        """Watch until a loss is doubted, which wants a look over another connection, or the connection fails."""
        for mailbox in self.mailboxes.values():
            mailbox.verified = False
        await self._resolve(watcher)
        self._freshness.connected(watcher)
        sweeper = self._sweeper(watcher)
        followed: list[MailboxName] = []
        alarmed = False
        while not alarmed:
            if self.missing:
                await self._resolve(watcher)
            mailboxes = self._reachable()
            names, told = [mailbox.key.mailbox for mailbox in mailboxes], NOTHING
            if names != followed and len(names) > 1:
                told, followed = await watcher.follow(names), names
            alarmed = await self._look_at_all(sweeper, mailboxes, told)
            await self._ask_quota(watcher)
            if not alarmed:
                alarmed = await self._follow(sweeper, mailboxes)

    def _sweeper(self, watcher: Watcher) -> Sweeper:
        def moved_in() -> bool:
            return bool(self._orphans)

        return Sweeper(watcher, self._store, self._reachable, self._searches_of, self._miss, self._settle, moved_in)

    async def _look_at_all(self, sweeper: Sweeper, mailboxes: Sequence[IndexedMailbox], told: Told) -> bool:
        """Look at those first that are listed already: a first listing takes its time. True when a loss is doubted."""
        listed = [mailbox for mailbox in mailboxes if mailbox.parts]
        unlisted = [mailbox for mailbox in mailboxes if not mailbox.parts]
        for some in (listed, unlisted):
            if some and await self._look_round(sweeper, mailboxes, some, told):
                return True
        self.left.clear()
        return False

    async def _follow(self, sweeper: Sweeper, mailboxes: Sequence[IndexedMailbox]) -> bool:
        """Follow the mailboxes until all are due for a look; True when a loss is doubted."""
        watcher = sweeper.watcher
        names = [mailbox.key.mailbox for mailbox in mailboxes]
        others = names[1:]
        until, asked, fruitless = self._next_look(), trio.current_time(), 0
        while (now := trio.current_time()) < until:
            due = asked + self._asking_interval(watcher, others)
            if now >= due:
                watcher.ask(others)
                asked, due = now, now + self._asking_interval(watcher, others)
            self._freshness.waits(names, opened=names[0])
            await watcher.wait(max(0.0, min(due, until) - now), self._plain(mailboxes))
            told, heard = watcher.take_news(), trio.current_time()
            changed = [mailbox for mailbox in mailboxes if self._changed(sweeper, mailbox, told)]
            self._freshness.stirred(mailbox.key.mailbox for mailbox in changed)
            asked = heard if set(others) <= set(told) else asked
            before = _extents(changed)
            if changed and await self._look_round(sweeper, mailboxes, changed, told):
                return True
            in_vain = changed and before == _extents(changed) and heard - now < AT_ONCE
            fruitless = fruitless + 1 if in_vain else 0
            if fruitless > 1:
                # A server that tells at once of changes that are none would be asked without a pause.
                await trio.sleep(min(2.0**fruitless / 4, self.settings.poll_interval))
            self._settle(told, heard)
            until = min(until, self._next_look())
        return False

    def _asking_interval(self, watcher: Watcher, others: Sequence[MailboxName]) -> float:
        """Give every how many seconds mailboxes that are not open are asked after, all in one question."""
        poll = self.settings.poll_interval
        if not others:
            return math.inf
        return max(PUSHED_SECONDS, poll) if all(map(watcher.pushed, others)) else poll

    def _changed(self, sweeper: Sweeper, mailbox: IndexedMailbox, told: Told) -> bool:
        if mailbox.key.mailbox == sweeper.opened and sweeper.watcher.changed:
            # Whatever its numbers say: they may be as before, though one came and one went.
            return True
        state = told.get(mailbox.key.mailbox)
        return state is not None and not (isinstance(state, MailboxState) and sweeper.as_known(mailbox, state))

    def _plain(self, mailboxes: Sequence[IndexedMailbox]) -> dict[MailboxName, Since]:
        """Give those mailboxes of which what comes can be taken as it comes, without a look at the rest."""
        if self.memory.held:
            return {}
        plain = ((mailbox.key.mailbox, mailbox.since()) for mailbox in mailboxes[:1] if mailbox.verified)
        return {name: since for name, since in plain if since is not None}

    def _next_look(self) -> float:
        """When all mailboxes are to be looked at again, in Trio's time."""
        now = trio.current_time()
        look = now + (self.settings.poll_interval if self.missing else max(LOOK_SECONDS, self.settings.poll_interval))
        belief = now + max(1.0, self.memory.next_belief() - self._now())
        return min(look, belief, max(now + 1.0, self.memory.next_hold(self._cycle)))

    @property
    def _cycle(self) -> float:
        return min(self.settings.poll_interval, LAST_BACKOFF)

    # --- a round

    async def _look_round(
        self, sweeper: Sweeper, mailboxes: Sequence[IndexedMailbox], first: Sequence[IndexedMailbox], told: Told
    ) -> bool:
        """Look, at some mailboxes first, and settle what was found; True when a loss is doubted."""
        began = trio.current_time()
        looks = await sweeper.sweep(mailboxes, first, told, held=bool(self.memory.held))
        alarmed = (looks or self.memory.held) and await self._settle_round(sweeper.watcher, looks)
        looked = {mailbox.key for mailbox in first} | {look.mailbox.key for look in looks}
        self._settle((key.mailbox for key in looked), began)
        return bool(alarmed)

    async def _settle_round(self, watcher: Watcher, looks: Sequence[Look]) -> bool:
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
        return one.alarmed

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
        """Give the mailboxes there are. INBOX is the one left open: not every server tells of changes in it else."""
        found = dict.fromkeys(name for selector, name in self.names.items() if selector not in self.missing)
        return [self._mailbox(name) for name in sorted(found, key=lambda name: name != INBOX)]

    def _mailbox(self, name: MailboxName) -> IndexedMailbox:
        if name not in self.mailboxes:
            self.mailboxes[name] = IndexedMailbox(MailboxKey(self.settings.id, name), self._store)
        return self.mailboxes[name]

    # --- afterwards

    def _settle(self, mailboxes: Iterable[MailboxName], looked: float | None = None) -> None:
        """Devices see these mailboxes as they are, or as they were when they were looked at, in Trio's time."""
        self._freshness.looked(mailboxes, trio.current_time() if looked is None else looked)
        self.background.wake()

    async def _ask_quota(self, watcher: Watcher) -> None:
        if trio.current_time() < self._quota_asked + QUOTA_SECONDS:
            return
        self._quota_asked = trio.current_time()
        self.quota = await watcher.quota()


def _extents(mailboxes: Iterable[IndexedMailbox]) -> list[tuple[int, int, int]]:
    """Give what tells whether messages came or went: UIDs only grow."""
    parts = [part for mailbox in mailboxes for part in mailbox.parts]
    return [(part.uidvalidity, len(part), part.uids[-1] if len(part) else 0) for part in parts]
