"""NOTIFY: the server tells of mailboxes that are not open, too (RFC 5465)."""

from collections.abc import Iterator

from bridge.sandbox.mailbox import SandboxMailbox
from bridge.sandbox.session import Notified, Reply, Session
from bridge.sandbox.syntax import Arguments, BadCommand

NEWS = {"MESSAGENEW", "MESSAGEEXPUNGE"}
"""The events that there are here. RFC 5465 §5.2 and §5.3: who wants one of them wants both."""


def notify(session: Session, arguments: Arguments) -> Reply:
    """Carry out NOTIFY SET and NOTIFY NONE."""
    session.need("NOTIFY")
    match arguments.word():
        case "NONE":
            arguments.end()
            session.notified = None
        case "SET":
            _set(session, arguments)
        case _:
            raise BadCommand("NOTIFY SET or NONE")
    return Reply()


def _set(session: Session, arguments: Arguments) -> None:
    at_once = not isinstance(arguments.peek(), list) and arguments.word() == "STATUS"
    notified = Notified()
    while arguments.left:
        _group(arguments.inner(), notified)
    session.notified = notified
    for mailbox in _others(session):
        notified.told[mailbox.name] = _numbers(mailbox)
        if at_once:
            session.wire.put(_status(session, mailbox))


def _group(arguments: Arguments, notified: Notified) -> None:
    which = arguments.word()
    names: list[str] = []
    if which == "MAILBOXES":
        listed = arguments.inner() if isinstance(arguments.peek(), list) else arguments
        names = [listed.mailbox() for _ in range(listed.left if listed is not arguments else 1)]
    elif which not in {"SELECTED", "SELECTED-DELAYED"}:
        raise BadCommand("the sandbox notifies of named mailboxes alone")
    if set(arguments.words()) != NEWS:
        raise BadCommand("the sandbox notifies of MessageNew and MessageExpunge, both")
    arguments.end()
    notified.selected = notified.selected or not names
    notified.names.update(names)


def _others(session: Session) -> Iterator[SandboxMailbox]:
    """Give the mailboxes that are notified of and not open."""
    if session.user is None or session.notified is None:
        return
    for name in sorted(session.notified.names):
        mailbox = session.user.mailboxes.get(name)
        if mailbox is not None and (session.view is None or mailbox is not session.view.mailbox):
            yield mailbox


def watched(session: Session) -> list[SandboxMailbox]:
    """Give every mailbox whose changes are to be told as they happen."""
    opened = [session.view.mailbox] if session.view is not None else []
    return [*opened, *_others(session)]


def news(session: Session) -> Iterator[bytes]:
    """Give the responses for what changed in mailboxes that are not open, and count it as told."""
    notified = session.notified
    for mailbox in _others(session) if notified is not None else ():
        assert notified is not None
        if notified.told.get(mailbox.name) != (numbers := _numbers(mailbox)):
            notified.told[mailbox.name] = numbers
            yield _status(session, mailbox)


def _numbers(mailbox: SandboxMailbox) -> tuple[int, int, int]:
    return mailbox.uidvalidity, mailbox.uidnext, len(mailbox)


def _status(session: Session, mailbox: SandboxMailbox) -> bytes:
    modseq = f" HIGHESTMODSEQ {mailbox.highestmodseq}" if session.condstore else ""
    counts = f"MESSAGES {len(mailbox)} UIDNEXT {mailbox.uidnext} UIDVALIDITY {mailbox.uidvalidity}{modseq}"
    return b"* STATUS " + session.spelled(mailbox.name) + f" ({counts})\r\n".encode()
