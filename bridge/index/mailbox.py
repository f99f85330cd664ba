"""One mailbox of the index: what is known, and how a look upstream becomes the next snapshot."""

from collections.abc import Callable, Iterable
from functools import partial

import trio

from bridge.index.ports import StorePort, Watcher
from bridge.maildrop import MailboxSnapshot, from_messages, unique_id
from bridge.model.failures import MailboxChanged
from bridge.model.names import MailboxName, Uid, Uidl
from bridge.model.places import ListedMessage, ListingChange, Location, MailboxKey, MailboxState, StoredMessage
from bridge.telemetry import count, get_logger

log = get_logger("index")


class IndexedMailbox:
    """Holds the published snapshot of one mailbox. Only its account's refresher writes it."""

    def __init__(self, key: MailboxKey, store: StorePort) -> None:
        self.key = key
        self.snapshot: MailboxSnapshot | None = None
        self.progress = ""
        self._store = store
        self._state: MailboxState | None = None
        self._begun: list[StoredMessage] = []

    async def load(self, state: MailboxState | None) -> None:
        """Take up what the store has: a whole listing is published, one that was begun is gone on with."""
        messages = await self._store.load_messages(self.key)
        if state is None:
            self._begun = messages
        else:
            # The stored state is not compared against: the first look after a start always checks.
            self.snapshot = from_messages(self.key, state.uidvalidity, messages)

    def unchanged(self, state: MailboxState) -> bool:
        """True when the server's numbers say that the set of messages is what the index has."""
        known = self._state
        return known is not None and (known.uidvalidity, known.uidnext, known.exists) == (
            state.uidvalidity,
            state.uidnext,
            state.exists,
        )

    async def refresh(self, watcher: Watcher, mailbox: MailboxName) -> None:
        """Look upstream, commit, then publish. Cancelled or failed, the published snapshot stays as it was."""
        state = await watcher.examine(mailbox)
        count("refreshes")
        if self.unchanged(state):
            return
        if self.snapshot is not None and self.snapshot.uidvalidity != state.uidvalidity:
            log.warning(
                "mailbox.renumbered", mailbox=str(self.key), old=self.snapshot.uidvalidity, new=state.uidvalidity
            )
            await self._list_whole(watcher, state, replaced=True)
        elif self.snapshot is None:
            await self._list_whole(watcher, state, replaced=False)
        else:
            await self._catch_up(watcher, state, self.snapshot)

    async def _list_whole(self, watcher: Watcher, state: MailboxState, *, replaced: bool) -> None:
        """First listing: batches are committed as they come and shown only when the last one is."""
        begun = [] if replaced else self._begun
        found = {row.uid: row for row in begun}
        first = Uid(max(found, default=0) + 1)

        async def take(batch: list[ListedMessage]) -> None:
            nonlocal replaced
            change = ListingChange(self.key, state.uidvalidity, tuple(batch), replaced=replaced)
            replaced = False
            for row in await self._store.apply_listing(change, self._name(state)):
                found[row.uid] = row
            self.progress = f"first listing, {len(found)} of {state.exists}"

        await watcher.list_messages(first, take)
        vanished = await self._missing(watcher, found, state) if begun else ()
        final = self._final(state, found, vanished)
        change = ListingChange(self.key, state.uidvalidity, (), vanished, final, replaced)
        await self._store.apply_listing(change, self._name(state))
        rows = sorted(row for uid, row in found.items() if uid not in set(vanished))
        self._begun, self.progress, self._state = [], "", final
        former = self.snapshot.version if self.snapshot else 0
        self.snapshot = from_messages(self.key, state.uidvalidity, rows).at_version(former + 1)
        count("messages_listed", len(rows))
        log.info("mailbox.listed", mailbox=str(self.key), messages=len(rows))

    async def _missing(self, watcher: Watcher, found: dict[Uid, StoredMessage], state: MailboxState) -> tuple[Uid, ...]:
        if len(found) == state.exists:
            return ()
        there = set(await watcher.all_uids())
        return tuple(uid for uid in found if uid not in there)

    async def _catch_up(self, watcher: Watcher, state: MailboxState, known: MailboxSnapshot) -> None:
        """Fetch what is new, and only when the counts do not add up compare all UIDs."""
        new: dict[Uid, ListedMessage] = {}

        async def take(batch: list[ListedMessage]) -> None:
            await trio.lowlevel.checkpoint()
            new.update((row.uid, row) for row in batch)

        highest = max(known.uids, default=0)
        if state.uidnext > highest + 1:
            await watcher.list_messages(Uid(highest + 1), take)
        vanished: tuple[Uid, ...] = ()
        if len(known) + len(new) != state.exists:
            there = set(await watcher.all_uids())
            vanished = tuple(Uid(uid) for uid in known.uids if uid not in there)
            unknown = there.difference(known.uids, new)
            if unknown:
                await watcher.list_messages(Uid(min(unknown)), take)
                old = frozenset(known.uids)
                new = {uid: row for uid, row in new.items() if uid not in old}
        final = self._final(state, {*known.uids, *new}, vanished)
        change = ListingChange(self.key, state.uidvalidity, tuple(new[uid] for uid in sorted(new)), vanished, final)
        rows = await self._store.apply_listing(change, self._name(state))
        snapshot = self.snapshot or known
        self.snapshot = (snapshot.without(vanished) if vanished else snapshot).with_appended(rows)
        self._state = final
        count("messages_listed", len(new))
        count("messages_vanished", len(vanished))
        if new or vanished:
            log.info("mailbox.changed", mailbox=str(self.key), new=len(new), gone=len(vanished))

    def _final(self, state: MailboxState, uids: Iterable[int], vanished: Iterable[int]) -> MailboxState:
        """The state that the next look is compared with: a message that came while we listed is counted in."""
        known = set(uids).difference(vanished)
        uidnext = Uid(max(state.uidnext, max(known, default=0) + 1))
        return MailboxState(state.uidvalidity, uidnext, len(known), state.modseq)

    def _name(self, state: MailboxState) -> Callable[[Uid, int], Uidl]:
        return partial(unique_id, self.key, state.uidvalidity)

    def take_sizes(self, measured: dict[Uid, int]) -> list[tuple[Location, int]]:
        """Publish octets that were counted; gives what to write down."""
        snapshot = self.snapshot
        if snapshot is None:
            raise MailboxChanged(self.key.account, f"{self.key} is not listed")
        self.snapshot = snapshot.with_sizes(measured)
        return [(Location(self.key, snapshot.uidvalidity, uid), octets) for uid, octets in measured.items()]
