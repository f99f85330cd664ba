"""Opening mailboxes: read-only to read and watch, writable to carry out intents alone."""

from bridge.imap import Command, commands
from bridge.imap.events import Tagged
from bridge.model.failures import MailboxChanged, MailboxMissing, UpstreamBroken, UpstreamError, UpstreamRefused
from bridge.model.names import MailboxName, UidValidity
from bridge.model.places import Location
from bridge.upstream.link import Link
from bridge.upstream.names import MailboxNames
from bridge.upstream.selected import Selected


async def examine(link: Link, names: MailboxNames, mailbox: MailboxName) -> Selected:
    """Open a mailbox read-only, anew if it is open already: its state is then as of now. Raises `MailboxMissing`."""
    selected = Selected(mailbox, writable=False)
    return checked(link, selected, await link.open(_examine(link, names, mailbox), selected))


def _examine(link: Link, names: MailboxNames, mailbox: MailboxName) -> Command:
    return commands.examine(names.spelled(mailbox), condstore=link.can("CONDSTORE"))


async def select(link: Link, names: MailboxNames, mailbox: MailboxName) -> Selected:
    """Open a mailbox for changes; `writable` is False where the server gives it read-only. Raises `MailboxMissing`."""
    selected = Selected(mailbox, writable=True)
    return checked(link, selected, await link.open(commands.select(names.spelled(mailbox)), selected))


async def ensure_open(link: Link, names: MailboxNames, mailbox: MailboxName) -> Selected:
    """Have a mailbox open read-only; does nothing when it is."""
    selected = link.selected
    if selected is not None and selected.mailbox == mailbox and not selected.writable:
        return selected
    return await examine(link, names, mailbox)


class Opening:
    """A location's mailbox, opened read-only unless it is open and known to have the message.

    What is asked next may go out before it is known whether the mailbox opened: that saves a round trip. Then `settle`
    must be awaited before anything that comes is believed. `fresh`: it is being opened only now.
    """

    def __init__(self, link: Link, names: MailboxNames, location: Location) -> None:
        self._link = link
        self._uidvalidity = location.uidvalidity
        self._tag: str | None = None
        self._selected = Selected(location.key.mailbox, writable=False)
        if not self._serves(link.selected, location):
            self._tag = link.begin_open(_examine(link, names, location.key.mailbox), self._selected)
        self.fresh = self._tag is not None

    def _serves(self, selected: Selected | None, location: Location) -> bool:
        if selected is None or selected.mailbox != location.key.mailbox or selected.writable:
            return False
        # One of another UIDVALIDITY may be that of before somebody made it anew: a server lets that stay open.
        return selected.uidvalidity == location.uidvalidity and location.uid < selected.uidnext

    async def settle(self, *behind: str) -> None:
        """Wait until the mailbox is open. Raises what `examine` does, and `MailboxChanged` under another UIDVALIDITY.

        When it raises, the commands `behind` it were answered, too, for nobody: so the connection stays of use.
        """
        if self._tag is None:
            return
        tag, self._tag = self._tag, None
        patience = self._link.patience()
        answer = await self._link.finish(tag, patience)
        try:
            check_numbering(self._link, checked(self._link, self._selected, answer), self._uidvalidity)
        except UpstreamError:
            for each in behind:
                await self._link.finish(each, patience)
            raise


def check_numbering(link: Link, selected: Selected, uidvalidity: UidValidity) -> None:
    """Raise `MailboxChanged` when UIDs of `uidvalidity` mean nothing in the open mailbox (RFC 3501 §2.3.1.1)."""
    if selected.uidvalidity != uidvalidity:
        sentence = f"account {link.account}: {selected.mailbox} was numbered anew by its server"
        raise MailboxChanged(link.account, f"{sentence}; it is listed again")


def checked(link: Link, selected: Selected, answer: Tagged) -> Selected:
    """Give what was opened. Raises what the answer to EXAMINE or SELECT means otherwise, `MailboxMissing` for a NO."""
    if answer.kind != "OK":
        failure = link.refused(f"open {selected.mailbox}", answer)
        if isinstance(failure, UpstreamRefused) and answer.kind == "NO":
            raise MailboxMissing(link.account, str(failure))
        # On a connection on which no mailbox can be opened nothing can be done: the next one may be better.
        raise link.lose(failure)
    if not selected.uidvalidity:
        sentence = f"account {link.account}: the server gives no UIDVALIDITY for {selected.mailbox}"
        raise UpstreamRefused(link.account, f"{sentence}, so its messages have no lasting names")
    if not selected.counted:
        # It must (RFC 3501 §6.3.1). Not told is not empty: all that is listed would be gone.
        sentence = f"account {link.account}: the server does not tell how many messages {selected.mailbox} has"
        raise link.lose(UpstreamBroken(link.account, sentence))
    return selected
