"""Looking at the mailboxes of an account, until what was found fits together."""

from collections.abc import Callable, Mapping, Sequence

from bridge.index.looking import Look, Looker
from bridge.index.mailbox import IndexedMailbox, same
from bridge.index.ports import StorePort, Watcher
from bridge.model.failures import MailboxMissing, UpstreamError
from bridge.model.names import MailboxName
from bridge.model.places import MailboxKey, MailboxState, Resynced
from bridge.telemetry import count

PASSES = 8
"""How often mailboxes are looked at again in one round because others lost messages meanwhile."""

Told = Mapping[MailboxName, MailboxState | UpstreamError]
"""How mailboxes are, as the server said, or why it does not tell."""

NOTHING: Told = {}


class Sweeper:
    """Looks over one watcher. `reachable` gives the mailboxes there are, the first of which is the one left open.

    `searches` gives the search keys of a mailbox. `miss` is told of a mailbox that is not there, and why, `settle` of
    one that is as it is known. `moved_in` tells whether what is in a mailbox that was never listed may have come from
    one that is mapped no more.
    """

    def __init__(
        self,
        watcher: Watcher,
        store: StorePort,
        reachable: Callable[[], Sequence[IndexedMailbox]],
        searches: Callable[[IndexedMailbox], Sequence[str]],
        miss: Callable[[MailboxName, str], object],
        settle: Callable[[Sequence[MailboxName]], object],
        moved_in: Callable[[], bool],
    ) -> None:
        self.watcher = watcher
        self._looker = Looker(watcher, store)
        self._reachable = reachable
        self._searches = searches
        self._miss = miss
        self._settle = settle
        self._moved_in = moved_in
        self.opened: MailboxName | None = None

    async def sweep(
        self, mailboxes: Sequence[IndexedMailbox], first: Sequence[IndexedMailbox], told: Told, *, held: bool
    ) -> list[Look]:
        """Look until no look is older than a loss that another found: a message that is missing in one mailbox may have
        come to another meanwhile. The first mailbox is the one left open, with nothing come to it since.

        `first` are those to begin with; `told` is how mailboxes are that need not be asked after. While copies are
        `held` back, all are looked at.
        """
        looks: dict[MailboxKey, Look] = {}
        pending = list(first)
        came = None
        if mailboxes[0] in first and not self._nothing_came(mailboxes[0]):
            came = await self._came(mailboxes[0])
        elif mailboxes[0] in first:
            pending.remove(mailboxes[0])
        if came is not None:
            looks[came.mailbox.key] = came
            pending.remove(mailboxes[0])
        if held or (came is not None and came.missing):
            pending = [mailbox for mailbox in mailboxes if mailbox in pending or mailbox not in first]
            # What was told before a loss was found is older than that.
            told = NOTHING
        for _ in range(PASSES):
            if not pending:
                break
            older = await self._pass(mailboxes, pending, looks, told)
            told = {}
            pending = [mailbox for mailbox in mailboxes if mailbox.key in older]
            if not pending and self.opened != mailboxes[0].key.mailbox and mailboxes[0] in self._reachable():
                pending = list(mailboxes[:1])
        return list(looks.values())

    def _nothing_came(self, mailbox: IndexedMailbox) -> bool:
        """Tell whether the open mailbox turned out to be as it was, though its server told of a change."""
        resynced = self.watcher.resynced
        return resynced is not None and self.as_known(mailbox, resynced.state)

    async def _came(self, mailbox: IndexedMailbox) -> Look | None:
        """Look at what the watcher fetched from the open mailbox when it was told that something happened there."""
        resynced = self.watcher.resynced
        if resynced is None or self.opened != mailbox.key.mailbox or mailbox.snapshot is None:
            return await self._looker.arrived(mailbox, self._searches(mailbox))
        return await self._looker.look(mailbox, resynced.state, self._searches(mailbox), resynced)

    async def _pass(
        self,
        mailboxes: Sequence[IndexedMailbox],
        pending: Sequence[IndexedMailbox],
        looks: dict[MailboxKey, Look],
        told: Told,
    ) -> set[MailboxKey]:
        """Look at some mailboxes, the first of all at last; gives those whose look is older than a loss found now."""
        older: set[MailboxKey] = set()
        others = [mailbox for mailbox in pending if mailbox is not mailboxes[0]]
        told = await self._ask(others, told)
        for mailbox in [*others, *(mailbox for mailbox in pending if mailbox is mailboxes[0])]:
            before = looks.pop(mailbox.key, None)
            state = told.get(mailbox.key.mailbox) if mailbox is not mailboxes[0] else None
            if isinstance(state, MailboxState) and self.as_known(mailbox, state, before):
                # As of the beginning of this pass, so older than what is found missing in it.
                looks |= {mailbox.key: before} if before is not None else {}
                if before is None:
                    self._settle([mailbox.key.mailbox])
                continue
            look = await self._reach(mailbox, before, state)
            older.discard(mailbox.key)
            if look is not None:
                looks[mailbox.key] = look
                if not set(look.missing) <= set(before.missing if before is not None else ()):
                    older |= {other.key for other in mailboxes if other is not mailbox}
        return older

    async def _ask(self, mailboxes: Sequence[IndexedMailbox], told: Told) -> Told:
        unknown = [mailbox.key.mailbox for mailbox in mailboxes if mailbox.key.mailbox not in told]
        return {**told, **await self.watcher.states(unknown)} if unknown else told

    async def _reach(
        self, mailbox: IndexedMailbox, before: Look | None, told: MailboxState | UpstreamError | None
    ) -> Look | None:
        """Look at a mailbox. One that is missing is an outage, not emptiness: it stays listed as it was."""
        try:
            if isinstance(told, UpstreamError):
                raise told
            return await self._look(mailbox, before)
        except MailboxMissing as failure:
            self._miss(mailbox.key.mailbox, str(failure))
            return None

    async def _look(self, mailbox: IndexedMailbox, before: Look | None) -> Look | None:
        searches = self._searches(mailbox)
        self.opened = None
        came = await self._open(mailbox)
        state, self.opened = came.state, mailbox.key.mailbox
        count("refreshes")
        if self.as_known(mailbox, state, before):
            return before
        if mailbox.snapshot is None and (mailbox.begun or not self._moved_in()):
            await mailbox.list_first(self.watcher, state)
            highest = max(mailbox.parts[0].uids, default=0)
            mailbox.found = await self._looker.search(mailbox, state, searches, highest)
            return None
        return await self._looker.look(mailbox, state, searches, came)

    async def _open(self, mailbox: IndexedMailbox) -> Resynced:
        since = mailbox.since()
        if since is None:
            return Resynced(await self.watcher.examine(mailbox.key.mailbox))
        # On a new connection there may be much that is new.
        return await self.watcher.resync(mailbox.key.mailbox, since, headers=mailbox.verified)

    def as_known(self, mailbox: IndexedMailbox, state: MailboxState, before: Look | None = None) -> bool:
        """Tell whether a mailbox is as it was at the look before this one, or as it is published."""
        if before is not None:
            return same(before.state, state)
        unchanged = mailbox.unchanged(state) and mailbox.searched(self._searches(mailbox))
        mailbox.verified = mailbox.verified or unchanged
        if unchanged:
            mailbox.took_note(state)
        return unchanged
