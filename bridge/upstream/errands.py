"""What is asked for when a wait ends: it goes out together with the end of IDLE, so all of it is one round trip."""

from collections.abc import Collection, Mapping

from bridge.imap import commands
from bridge.model.names import MailboxName
from bridge.model.places import Arrivals, MailboxState
from bridge.upstream.arrivals import FEW, Catching
from bridge.upstream.link import Link
from bridge.upstream.names import MailboxNames
from bridge.upstream.news import News
from bridge.upstream.selected import Selected
from bridge.upstream.statuses import Asking


class Errands:
    """The errands of one wait in the open mailbox. `known` are mailboxes of which what just came may be fetched at
    once, with their states as they were looked at.
    """

    def __init__(self, link: Link, names: MailboxNames, selected: Selected, known: Mapping[MailboxName, MailboxState]):
        self._link = link
        self._names = names
        self._selected = selected
        self._known = known
        self._catching: Catching | None = None
        self._asking: Asking | None = None
        self._noop = ""

    @property
    def begun(self) -> bool:
        """True once anything was sent, which `finish` then waits for."""
        return bool(self._catching or self._asking or self._noop)

    @property
    def asked_open(self) -> bool:
        """True when the open mailbox was asked after."""
        return bool(self._noop)

    def fetch(self) -> bool:
        """Begin to fetch what came to the open mailbox, if that is only a few messages and nothing else changed: True
        then, once.
        """
        before = self._known.get(self._selected.mailbox)
        if self._catching is not None or before is None or not _grew(self._selected, before):
            return False
        self._catching = Catching(self._link, before.uidnext, FEW)
        return True

    def ask(self, mailboxes: Collection[MailboxName]) -> None:
        """Begin to ask how mailboxes are. The open one is told of with the answer to any command."""
        others = [mailbox for mailbox in mailboxes if mailbox != self._selected.mailbox]
        if len(others) < len(mailboxes):
            self._noop = self._link.begin(commands.noop())
        if others:
            self._asking = Asking(self._link, self._names, others)

    async def finish(self, news: News) -> Arrivals | None:
        """Wait for all of it. What was asked is in `news` then; what came to the open mailbox is given."""
        arrived = None
        if self._catching is not None:
            before = self._known[self._selected.mailbox]
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
