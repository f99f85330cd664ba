"""The first listing of a mailbox: committed batch by batch, shown when it is whole."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import trio

from bridge.index.ports import StorePort, Watcher
from bridge.maildrop import MailboxSnapshot, from_messages, in_one, namer
from bridge.model.failures import UpstreamBroken
from bridge.model.names import Uid
from bridge.model.places import ListedMessage, ListingChange, MailboxKey, MailboxState, StoredMessage
from bridge.telemetry import get_logger

log = get_logger("index")

TOLD_EVERY = 10.0
"""Seconds between two lines of the log on how far a listing is."""

BELIEVED_AFTER = 600.0
"""Seconds after which a server that counts more messages than it names is taken to have no more. Our own: until then a
device would be told of too few.
"""

ROWS = 2000
"""Messages that become columns in one go: a few milliseconds, between which others have their turn."""


class FirstListing:
    """Lists one examined mailbox. `begun` is what an earlier try under the same UIDVALIDITY committed; `anew` tells
    that one under another UIDVALIDITY is to be forgotten. `short`, in Trio's time, is since when the server named fewer
    messages than it counts: what it leaves out may lie between others, and is believed not to be there after a while.
    """

    def __init__(
        self,
        key: MailboxKey,
        state: MailboxState,
        store: StorePort,
        begun: MailboxSnapshot | None,
        *,
        anew: bool,
        short: float | None = None,
    ) -> None:
        self.short = short
        self._key = key
        self._state = state
        self._store = store
        self._anew = anew
        self._resumed = begun is not None and len(begun) > 0
        self._parts = [] if begun is None else [begun]
        self._listed = 0 if begun is None else len(begun)
        self._name = namer(key, state.uidvalidity)
        self._told = trio.current_time()

    @property
    def progress(self) -> tuple[int, int]:
        """How many messages are listed, and how many there will be."""
        return self._listed, max(self._state.exists, self._listed)

    def have(self) -> MailboxSnapshot:
        """Put together what is committed so far."""
        if len(self._parts) != 1:
            self._parts = [in_one(self._parts or [from_messages(self._key, self._state.uidvalidity, [])])]
        return self._parts[0]

    async def run(self, watcher: Watcher, heard: Callable[[], None]) -> tuple[MailboxSnapshot, MailboxState]:
        """List it to its end; gives the mailbox and the state that the next look is compared with, once that is
        committed. `heard` is called after each step. Raises `UpstreamError`s and `StoreError`s; what was committed then
        stays.
        """
        self._tell()
        first = Uid(max((max(part.uids, default=0) for part in self._parts), default=0) + 1)
        known: set[int] = set()
        if self.short is not None:
            known, first = set(self.have().uids), Uid(1)

        async def take(batch: list[ListedMessage]) -> None:
            await self._take([row for row in batch if row.uid not in known])
            heard()

        await watcher.list_messages(first, take)
        return await self._end(watcher)

    async def _take(self, batch: Sequence[ListedMessage]) -> None:
        rows = await self._apply(ListingChange(self._key, self._state.uidvalidity, tuple(batch)))
        self._listed += len(rows)
        rows.sort()
        for at in range(0, len(rows), ROWS):
            self._parts.append(from_messages(self._key, self._state.uidvalidity, rows[at : at + ROWS]))
            await trio.lowlevel.checkpoint()
        if trio.current_time() >= self._told + TOLD_EVERY:
            self._tell()

    async def _end(self, watcher: Watcher) -> tuple[MailboxSnapshot, MailboxState]:
        found = self.have()
        await trio.lowlevel.checkpoint()
        vanished = await self._vanished(watcher, found)
        if vanished:
            found = found.without(vanished)
        final = settled(self._state, max(found.uids, default=0), len(found))
        await self._apply(ListingChange(self._key, self._state.uidvalidity, (), tuple(vanished), final))
        return found, final

    async def _apply(self, change: ListingChange) -> list[StoredMessage]:
        change = replace(change, replaced=self._anew)
        self._anew = False
        return await self._store.apply_listing(change, self._name)

    async def _vanished(self, watcher: Watcher, found: MailboxSnapshot) -> list[Uid]:
        """Say what went while it was listed. Of what an earlier try listed the number alone does not tell."""
        if len(found) == self._state.exists and not self._resumed:
            return []
        there = set(await watcher.all_uids()) if len(found) or self._state.exists else set()
        self._check_whole(len(there.union(found.uids)) if len(found) else 0, watcher.messages)
        return [Uid(uid) for uid in found.uids if uid not in there]

    def _check_whole(self, named: int, counted: int) -> None:
        """Raise `UpstreamBroken` when there must be more than is named; what went meanwhile is not counted any more."""
        counted = min(counted, self._state.exists)
        if named >= counted:
            self.short = None
            return
        now = trio.current_time()
        self.short = now if self.short is None else self.short
        if now < self.short + BELIEVED_AFTER:
            account = self._key.account
            sentence = f"account {account}: the server counts {counted} messages in {self._key.mailbox}"
            raise UpstreamBroken(account, f"{sentence}, and names {named}; it is listed again")

    def _tell(self) -> None:
        self._told = trio.current_time()
        listed, of = self.progress
        log.info("mailbox.listing", account=self._key.account, mailbox=str(self._key), listed=listed, of=of)


def settled(state: MailboxState, highest: int, messages: int) -> MailboxState:
    """The state that the next look is compared with: a message that came while we listed is counted in."""
    return MailboxState(state.uidvalidity, Uid(max(state.uidnext, highest + 1)), messages, state.modseq)
