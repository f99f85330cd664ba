"""What is asked for when a wait ends: it goes out together with the end of IDLE, so all of it is one round trip."""

from collections.abc import Collection, Mapping

from bridge.imap import commands
from bridge.model.names import MailboxName, Uid
from bridge.model.places import Arrivals, MailboxState, Resynced, Since
from bridge.upstream.arrivals import FEW, Catching
from bridge.upstream.link import Link
from bridge.upstream.names import MailboxNames
from bridge.upstream.news import News
from bridge.upstream.resyncing import Resyncing, resyncs
from bridge.upstream.selected import Selected
from bridge.upstream.statuses import Asking


class Errands:
    """The errands of one wait in the open mailbox. `known` are mailboxes of which what just happened may be asked at
    once, with how they were when they were looked at.
    """

    def __init__(self, link: Link, names: MailboxNames, selected: Selected, known: Mapping[MailboxName, Since]):
        self._link = link
        self._names = names
        self._selected = selected
        self._known = known
        self._catching: Catching | None = None
        self._resyncing: Resyncing | None = None
        self.resynced: Resynced | None = None
        self._asking: Asking | None = None
        self._noop = ""

    @property
    def begun(self) -> bool:
        """True once anything was sent, which `finish` then waits for."""
        return bool(self._catching or self._resyncing or self._asking or self._noop)

    @property
    def asked_open(self) -> bool:
        """True when the open mailbox was asked after."""
        return bool(self._noop)

    def fetch(self) -> Uid | None:
        """Begin to fetch what came to the open mailbox, if that is only a few messages and nothing else changed; else
        to ask what happened in it, where the server tells that. Gives the UID from which on it is listed anew, once.
        """
        since = self._known.get(self._selected.mailbox)
        if self._catching is not None or self._resyncing is not None or since is None:
            return None
        if _grew(self._selected, since.state):
            self._catching = Catching(self._link, since.state.uidnext, FEW)
            return since.state.uidnext
        if self._selected.changed and resyncs(self._link, since):
            self._resyncing = Resyncing(self._link, self._names, self._selected.mailbox, since, headers=True)
            return since.first
        return None

    def ask(self, mailboxes: Collection[MailboxName]) -> None:
        """Begin to ask how mailboxes are. The open one is told of with the answer to any command."""
        others = [mailbox for mailbox in mailboxes if mailbox != self._selected.mailbox]
        if len(others) < len(mailboxes):
            self._noop = self._link.begin(commands.noop())
        if others:
            self._asking = Asking(self._link, self._names, others)

    async def finish(self, news: News) -> Arrivals | None:
        """Wait for all of it. What was asked is in `news` then, and in `resynced` what happened to the open mailbox;
        what came to it is given.
        """
        arrived = None
        if self._resyncing is not None:
            _, self.resynced = await self._resyncing.finish()
        if self._catching is not None:
            before = self._known[self._selected.mailbox].state
            arrived = await self._catching.finish(self._selected, before)
        if self._noop:
            await self._link.finish(self._noop, self._link.patience())
        if self._asking is not None:
            news.put(await self._asking.finish())
        return arrived


def _grew(selected: Selected, before: MailboxState) -> bool:
    """Tell whether a few messages came to the open mailbox and, as far as is known, none went."""
    if selected.uidvalidity != before.uidvalidity or selected.shrank:
        return False
    return 0 < selected.exists - before.exists <= FEW
