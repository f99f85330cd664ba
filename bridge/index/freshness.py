"""How fresh the mailboxes of an account are: told of as they change, or looked at lately."""

import math
from collections.abc import Iterable

import trio

from bridge.index.ports import Watcher
from bridge.model.names import MailboxName

LIVE_SECONDS = 150.0
"""A server that has said nothing for so long may be gone: IDLE is renewed every 120 s."""


class Freshness:
    """Kept by the account's refresher, asked by logins. `allowed` is for how many seconds a look counts."""

    def __init__(self, allowed: float) -> None:
        self._allowed = allowed
        self._watcher: Watcher | None = None
        self._looked: dict[MailboxName, float] = {}
        self._dirty: set[MailboxName] = set()
        self._pushed: frozenset[MailboxName] = frozenset()
        self._opened: MailboxName | None = None
        self._settled = trio.Event()

    def connected(self, watcher: Watcher) -> None:
        """A connection is there, and nothing was looked at over it."""
        self.lost()
        self._watcher = watcher

    def lost(self) -> None:
        """The connection is gone."""
        self._watcher = None
        self._looked.clear()
        self._dirty.clear()
        self._pushed = frozenset()

    @property
    def watcher(self) -> Watcher | None:
        """The watcher, while it is connected."""
        return self._watcher

    # --- what the refresher tells

    def waits(self, mailboxes: Iterable[MailboxName], opened: MailboxName) -> None:
        """The watcher waits, until `stirred`: of some of these mailboxes the server tells by itself."""
        if self._watcher is not None:
            self._pushed = frozenset(filter(self._watcher.pushed, mailboxes))
        self._opened = opened

    def stirred(self, changed: Iterable[MailboxName] = ()) -> None:
        """The wait is over: of these mailboxes something was told, and until now nothing of the others."""
        now = trio.current_time()
        self._looked.update({mailbox: now for mailbox in self._pushed if self._told(mailbox)})
        self._pushed, self._opened = frozenset(), None
        self._dirty.update(changed)

    def looked(self, mailboxes: Iterable[MailboxName], at: float) -> None:
        """These were looked at, from a moment in Trio's time on, and what was found is published."""
        for mailbox in mailboxes:
            self._looked[mailbox] = max(at, self._looked.get(mailbox, at))
            self._dirty.discard(mailbox)
        self._settled.set()
        self._settled = trio.Event()

    # --- what logins ask

    def fresh(self, mailbox: MailboxName) -> bool:
        """True while nothing can have happened in a mailbox but since the last look at it, if that still counts."""
        if self._watcher is None or mailbox in self._dirty:
            return False
        if mailbox in self._pushed and self._told(mailbox):
            return True
        asked = self._watcher.asked if mailbox == self._opened else -math.inf
        return trio.current_time() <= max(asked, self._looked.get(mailbox, -math.inf)) + self._allowed

    def _told(self, mailbox: MailboxName) -> bool:
        """A server that falls silent, or back to being asked, tells of nothing any more."""
        watcher = self._watcher
        if watcher is None or trio.current_time() > watcher.last_heard + LIVE_SECONDS:
            return False
        return watcher.pushed(mailbox)

    def stale(self, mailboxes: Iterable[MailboxName]) -> list[MailboxName]:
        """Give those that must be asked after; the others are fresh, or the refresher is about to look at them."""
        looked = (mailbox for mailbox in mailboxes if mailbox in self._looked and mailbox not in self._dirty)
        return [mailbox for mailbox in looked if not self.fresh(mailbox)]

    async def settled(self) -> None:
        """Wait until something was looked at; the caller brings the deadline."""
        await self._settled.wait()
