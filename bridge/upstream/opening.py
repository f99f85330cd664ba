"""Opening mailboxes: read-only to read and watch, writable to carry out intents alone."""

from bridge.imap import commands
from bridge.imap.events import Tagged
from bridge.model.failures import MailboxChanged, MailboxMissing, UpstreamRefused
from bridge.model.names import MailboxName, UidValidity
from bridge.upstream.link import Link
from bridge.upstream.names import MailboxNames
from bridge.upstream.selected import Selected


async def examine(link: Link, names: MailboxNames, mailbox: MailboxName) -> Selected:
    """Open a mailbox read-only, anew if it is open already: its state is then as of now. Raises `MailboxMissing`."""
    command = commands.examine(names.spelled(mailbox), condstore=link.can("CONDSTORE"))
    selected = Selected(mailbox, writable=False)
    return _checked(link, selected, await link.open(command, selected))


async def select(link: Link, names: MailboxNames, mailbox: MailboxName) -> Selected:
    """Open a mailbox for changes; `writable` is False where the server gives it read-only. Raises `MailboxMissing`."""
    selected = Selected(mailbox, writable=True)
    return _checked(link, selected, await link.open(commands.select(names.spelled(mailbox)), selected))


async def ensure_open(link: Link, names: MailboxNames, mailbox: MailboxName) -> Selected:
    """Have a mailbox open read-only; does nothing when it is."""
    selected = link.selected
    if selected is not None and selected.mailbox == mailbox and not selected.writable:
        return selected
    return await examine(link, names, mailbox)


def check_numbering(link: Link, selected: Selected, uidvalidity: UidValidity) -> None:
    """Raise `MailboxChanged` when UIDs of `uidvalidity` mean nothing in the open mailbox (RFC 3501 §2.3.1.1)."""
    if selected.uidvalidity != uidvalidity:
        sentence = f"account {link.account}: {selected.mailbox} was numbered anew by its server"
        raise MailboxChanged(link.account, f"{sentence}; it is listed again")


def _checked(link: Link, selected: Selected, answer: Tagged) -> Selected:
    if answer.kind != "OK":
        failure = link.refused(f"open {selected.mailbox}", answer)
        if isinstance(failure, UpstreamRefused) and answer.kind == "NO":
            raise MailboxMissing(link.account, str(failure))
        raise failure
    if not selected.uidvalidity:
        sentence = f"account {link.account}: the server gives no UIDVALIDITY for {selected.mailbox}"
        raise UpstreamRefused(link.account, f"{sentence}, so its messages have no lasting names")
    return selected
