"""One account of the index: its refresher, its measuring, and how fresh it is."""

import math
import random
from collections.abc import Iterable, Mapping

import trio

from bridge.index.mailbox import IndexedMailbox
from bridge.index.ports import AccountPort, StorePort, Watcher
from bridge.model.failures import MailboxMissing, StoreError, UpstreamError
from bridge.model.names import MailboxName, Uid
from bridge.model.places import Location, MailboxKey, MailboxState, MeasuredMessage
from bridge.model.settings import AccountSettings
from bridge.telemetry import count, get_logger

log = get_logger("index")

FIRST_BACKOFF = 1.0
LAST_BACKOFF = 60.0
"""Seconds between tries to reach an upstream that is down; half to all of it, so that accounts do not march in step."""

MEASURE_BATCH = 64
"""Messages counted between two looks for a waiting device."""

MEASURE_PAUSE = 30.0
"""Seconds until measuring is tried again after it failed."""


class IndexedAccount:
    """Keeps an account's mailboxes fresh. `run` owns all its tasks."""

    def __init__(
        self, settings: AccountSettings, selectors: Iterable[str], upstream: AccountPort, store: StorePort
    ) -> None:
        self.settings = settings
        self.selectors = tuple(dict.fromkeys(selectors))
        self.upstream = upstream
        self.mailboxes: dict[MailboxName, IndexedMailbox] = {}
        self.names: dict[str, MailboxName] = {}
        self.problem = ""
        self._store = store
        self._live = False
        self._dirty = True
        self._fresh = trio.Event()
        self._nudge = trio.Event()
        self._measurable = trio.Event()
        self._skipped: set[Location] = set()

    async def load(self, names: dict[str, MailboxName], states: Mapping[MailboxKey, MailboxState | None]) -> None:
        """Take up what the store has, so that devices can be served before the upstream is reached."""
        for selector, mailbox in names.items():
            if selector in self.selectors:
                self.names[selector] = mailbox
                await self._mailbox(mailbox).load(states.get(self._mailbox(mailbox).key))

    def mailbox_for(self, selector: str) -> IndexedMailbox | None:
        """Give the mailbox behind a selector, or None while it is not known."""
        name = self.names.get(selector)
        return None if name is None else self.mailboxes.get(name)

    @property
    def fresh(self) -> bool:
        """True while the watcher is connected and nothing is waiting to be listed."""
        return self._live and not self._dirty

    async def wait_fresh(self) -> None:
        """Wait until the index is fresh; the caller brings the deadline. Hurries a refresher that is backing off."""
        self._nudge.set()
        while not self.fresh:
            await self._fresh.wait()

    async def run(self) -> None:
        """Refresh, watch and measure until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._measure_forever)
            await self._refresh_forever()

    async def _refresh_forever(self) -> None:
        pause = FIRST_BACKOFF
        while True:
            began = trio.current_time()
            try:
                async with self.upstream.watch() as watcher:
                    await self._watch(watcher)
            except (UpstreamError, StoreError) as failure:
                self._note(failure)
            finally:
                self._live = False
                self._dirty = True
            if trio.current_time() - began > LAST_BACKOFF:
                pause = FIRST_BACKOFF
            await self._back_off(pause)
            pause = min(pause * 2, LAST_BACKOFF)

    def _note(self, failure: Exception) -> None:
        count("refreshes_failed")
        if str(failure) != self.problem:
            log.warning("account.offline", account=self.settings.name, problem=str(failure))
        self.problem = str(failure)

    async def _back_off(self, seconds: float) -> None:
        """Wait; a device at the door shortens the wait to a second, but never to nothing."""
        self._nudge = trio.Event()
        wait = seconds * random.uniform(0.5, 1)  # noqa: S311 - jitter, not a secret
        with trio.move_on_after(wait):
            await trio.sleep(min(wait, FIRST_BACKOFF))
            await self._nudge.wait()

    async def _watch(self, watcher: Watcher) -> None:
        await self._resolve(watcher)
        first, *others = list(dict.fromkeys(self.names.values()))
        while True:
            for mailbox in others:
                await self._look(watcher, mailbox, await watcher.status(mailbox))
            # Last, so that it is the one left open for IDLE.
            await self._refresh(watcher, first)
            self._publish()
            await self._watch_first(watcher, first, self.settings.poll_interval if others else math.inf)

    async def _watch_first(self, watcher: Watcher, first: MailboxName, seconds: float) -> None:
        """Follow the open mailbox until the others are due for a look."""
        until = trio.current_time() + seconds
        while (left := until - trio.current_time()) > 0:
            if not await watcher.wait(min(left, self.settings.poll_interval)):
                continue
            self._dirty = True
            await self._refresh(watcher, first)
            self._publish()

    async def _resolve(self, watcher: Watcher) -> None:
        """Find the mailboxes; one that is missing is left as it was last seen, and named in `status`."""
        missing: list[str] = []
        for selector in self.selectors:
            try:
                name = await watcher.resolve(selector)
            except MailboxMissing as failure:
                missing.append(str(failure))
                continue
            if self.names.get(selector) != name:
                await self._store.save_selector(self.settings.id, selector, name)
            self.names[selector] = name
            self._mailbox(name)
        self.problem = "; ".join(missing)
        if missing:
            log.warning("mailbox.missing", account=self.settings.name, problem=self.problem)
        if not self.names:
            raise MailboxMissing(self.settings.name, self.problem)

    async def _look(self, watcher: Watcher, mailbox: MailboxName, state: MailboxState) -> None:
        if not self._mailbox(mailbox).unchanged(state):
            await self._refresh(watcher, mailbox)

    async def _refresh(self, watcher: Watcher, mailbox: MailboxName) -> None:
        await self._mailbox(mailbox).refresh(watcher, mailbox)

    def _publish(self) -> None:
        self._live, self._dirty = True, False
        self._fresh.set()
        self._fresh = trio.Event()
        self._measurable.set()

    def _mailbox(self, name: MailboxName) -> IndexedMailbox:
        if name not in self.mailboxes:
            self.mailboxes[name] = IndexedMailbox(MailboxKey(self.settings.id, name), self._store)
        return self.mailboxes[name]

    async def _measure_forever(self) -> None:
        while True:
            await self._measurable.wait()
            self._measurable = trio.Event()
            try:
                for mailbox in list(self.mailboxes.values()):
                    await self._measure(mailbox)
            except (UpstreamError, StoreError) as failure:
                log.info("measuring.paused", account=self.settings.name, problem=str(failure))
                with trio.move_on_after(MEASURE_PAUSE):
                    await trio.sleep_forever()
                self._measurable.set()

    async def _measure(self, mailbox: IndexedMailbox) -> None:
        while (snapshot := mailbox.snapshot) is not None:
            places = [
                uid
                for uid in snapshot.newest_unmeasured(MEASURE_BATCH + len(self._skipped))
                if Location(mailbox.key, snapshot.uidvalidity, uid) not in self._skipped
            ][:MEASURE_BATCH]
            if not places:
                return
            measured: dict[Uid, int] = {}

            def take(uid: Uid, found: MeasuredMessage, measured: dict[Uid, int] = measured) -> None:
                measured[uid] = found.octets

            try:
                await self.upstream.measure(mailbox.key, snapshot.uidvalidity, places, take)
            finally:
                self._take(mailbox, measured)
            await self._store.record_sizes(
                [(Location(mailbox.key, snapshot.uidvalidity, uid), octets) for uid, octets in measured.items()]
            )
            count("messages_measured", len(measured))
            # What the server would not give is not asked for again until it is listed anew or the bridge restarts.
            self._skipped.update(
                Location(mailbox.key, snapshot.uidvalidity, uid) for uid in places if uid not in measured
            )

    def _take(self, mailbox: IndexedMailbox, measured: dict[Uid, int]) -> None:
        if measured and mailbox.snapshot is not None:
            mailbox.take_sizes(measured)
