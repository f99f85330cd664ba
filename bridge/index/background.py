"""What is learnt of messages in the background: who they are, then their octets where they are spooled, then how many
octets the others have.
"""

from collections.abc import Awaitable, Callable, Mapping

import trio

from bridge.identity import content_identity
from bridge.index.mailbox import IndexedMailbox
from bridge.index.ports import AccountPort, StorePort
from bridge.index.spooling import SpoolAhead
from bridge.maildrop import MailboxSnapshot
from bridge.model.failures import MailboxChanged, StoreError, UpstreamError, UpstreamUnavailable
from bridge.model.names import MailboxName, Uid
from bridge.model.places import NO_IDENTITY, Location, MeasuredMessage
from bridge.telemetry import count, get_logger

log = get_logger("index")

IDENTIFY_BATCH = 500
"""Headers fetched together: about 200 KB, and a device waits no longer than for those."""

MEASURE_BATCH = 1000
MEASURE_OCTETS = 4_000_000
"""Messages counted for one commit, and the octets that they are thought to have together: what a crash costs. A device
that waits has its turn in between.
"""

DEVICES_FIRST = 1.0
"""Seconds that a device has for itself which waited for a first listing: then its work begins, of minutes."""

PAUSE = 30.0
"""Seconds until it is tried again after it failed."""

SAVING = 600.0
"""Seconds until it is asked again whether the server lets more be fetched."""

Work = Callable[[IndexedMailbox, MailboxSnapshot], Awaitable[bool]]
"""Does a batch; False when there is nothing left to do in the mailbox."""


class Background:
    """Identifies, spools and measures an account's messages, newest first, while nobody else needs its connections."""

    def __init__(
        self,
        account: str,
        upstream: AccountPort,
        store: StorePort,
        mailboxes: Mapping[MailboxName, IndexedMailbox],
        spooling: SpoolAhead | None = None,
    ) -> None:
        self._account = account
        self._upstream = upstream
        self._store = store
        self._mailboxes = mailboxes
        self._spooling = spooling
        self._woken = trio.Event()
        self._identified = trio.Event()
        self._asked = trio.Event()
        self._skipped: set[Location] = set()
        self._saving = False

    def wake(self) -> None:
        """Tell that there may be something to do."""
        self._woken.set()

    async def wait_identified(self) -> None:
        """Wait until another batch of messages is identified; the caller brings the deadline."""
        self._asked.set()
        await self._identified.wait()

    async def run(self) -> None:
        """Work until cancelled; after a failure it goes on a little later."""
        while True:
            await self._woken.wait()
            self._woken = trio.Event()
            if sum(mailbox.unidentified for mailbox in self._mailboxes.values()) > IDENTIFY_BATCH:
                with trio.move_on_after(DEVICES_FIRST):
                    await self._asked.wait()
            self._asked = trio.Event()
            try:
                await self._all(self._identify)
                if self._spooling is not None:
                    await self._spooling.catch_up()
                await self._all(self._measure, until_woken=self._spooling is not None)
            except (UpstreamError, StoreError) as failure:
                log.info("measuring.paused", account=self._account, problem=str(failure))
                await trio.sleep(max(PAUSE, failure.pause if isinstance(failure, UpstreamUnavailable) else 0.0))
                self._woken.set()
            await self._save()

    async def _save(self) -> None:
        """Leave to devices what may still be fetched today: nothing is done then, and it is looked again later."""
        spent = self._upstream.nearly_spent
        if spent and not self._saving:
            log.warning("background.stopped", account=self._account, problem="the day's budget is nearly used up")
        elif self._saving and not spent:
            log.info("background.resumed", account=self._account)
        self._saving = spent
        if spent:
            await trio.sleep(SAVING)
            self._woken.set()

    async def _all(self, work: Work, *, until_woken: bool = False) -> None:
        """Do all of a work; `until_woken`, only until there is something new, of which other work comes first."""
        for mailbox in list(self._mailboxes.values()):
            await self._all_of(work, mailbox, until_woken)

    async def _all_of(self, work: Work, mailbox: IndexedMailbox, until_woken: bool) -> None:
        while (snapshot := mailbox.snapshot) is not None and not self._upstream.nearly_spent:
            try:
                if not await work(mailbox, snapshot):
                    return
                if until_woken and self._woken.is_set():
                    return
            except MailboxChanged:
                # Listed anew meanwhile; what is there now is looked at with the next wake.
                return

    # --- who they are

    async def _identify(self, mailbox: IndexedMailbox, snapshot: MailboxSnapshot) -> bool:
        uids = snapshot.newest_unidentified(IDENTIFY_BATCH)
        if not uids:
            return False
        dates = snapshot.dates_of(uids)
        # A message that the server gives no header of is like no other; that is an answer, too.
        found: dict[Uid, str] = dict.fromkeys(uids, NO_IDENTITY)

        def take(uid: Uid, header: bytes) -> None:
            if uid in found:
                found[uid] = content_identity(header, dates[uid])

        await self._upstream.headers(mailbox.key, snapshot.uidvalidity, uids, take)
        await self._store.record_identities(mailbox.key, snapshot.uidvalidity, list(found.items()))
        mailbox.take_identities(snapshot.uidvalidity, found)
        count("messages_identified", len(found))
        self._identified.set()
        self._identified = trio.Event()
        return True

    # --- how many octets they have

    async def _measure(self, mailbox: IndexedMailbox, snapshot: MailboxSnapshot) -> bool:
        places = self._places(mailbox, snapshot)
        if not places:
            return False
        measured: dict[Uid, MeasuredMessage] = {}
        try:
            sizes = snapshot.sizes_of([place.uid for place in places])
            await self._upstream.measure(mailbox.key, snapshot.uidvalidity, sizes, measured.__setitem__)
        finally:
            mailbox.take_measured(snapshot.uidvalidity, measured)
        await self._store.record_measured([(place, measured[place.uid]) for place in places if place.uid in measured])
        count("messages_measured", len(measured))
        # What the server would not give is not asked for again until it is listed anew or the bridge restarts.
        self._skipped.update(place for place in places if place.uid not in measured)
        return True

    def _places(self, mailbox: IndexedMailbox, snapshot: MailboxSnapshot) -> list[Location]:
        uids = snapshot.newest_unmeasured(MEASURE_BATCH + len(self._skipped))
        sizes = snapshot.sizes_of(uids)
        chosen: list[Location] = []
        octets = 0
        for uid in uids:
            place = Location(mailbox.key, snapshot.uidvalidity, uid)
            if place in self._skipped:
                continue
            octets += sizes[uid]
            if chosen and (octets > MEASURE_OCTETS or len(chosen) == MEASURE_BATCH):
                break
            chosen.append(place)
        return chosen
