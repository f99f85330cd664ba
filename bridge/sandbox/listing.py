"""LIST, with SPECIAL-USE and LIST-STATUS, and STATUS."""

from collections.abc import Sequence

from bridge.sandbox import names
from bridge.sandbox.mailbox import SandboxMailbox, object_id
from bridge.sandbox.session import Reply, Session
from bridge.sandbox.syntax import Arguments, BadCommand


async def list_(session: Session, arguments: Arguments, name: str) -> Reply:
    """Carry out LIST or LSUB. Waits for the client to take what is sent."""
    assert session.user is not None
    special = isinstance(arguments.peek(), list) and _special_use(session, arguments.words())
    reference, wanted = arguments.mailbox(), _patterns(session, arguments)
    told = _return_options(session, arguments) if arguments.left else []
    arguments.end()
    if wanted == [""]:
        session.wire.put(b'* LIST (\\Noselect) "/" ""\r\n')
        return Reply()
    matches = [names.pattern(reference, each) for each in wanted]
    for mailbox in session.user.mailboxes.values():
        if any(match.fullmatch(mailbox.name) for match in matches) and (mailbox.special_use or not special):
            await session.wire.send(_listed(session, mailbox, name))
            if told:
                await session.wire.send(_told(session, mailbox, told))
    return Reply()


def _patterns(session: Session, arguments: Arguments) -> list[str]:
    if not isinstance(arguments.peek(), list):
        return [arguments.mailbox()]
    session.need("LIST-EXTENDED")
    inner = arguments.inner()
    return [inner.mailbox() for _ in range(inner.left)]


def _return_options(session: Session, arguments: Arguments) -> list[str]:
    """Take `RETURN (…)`; gives the items of STATUS that are asked for (RFC 5819 §2)."""
    if arguments.word() != "RETURN":
        raise BadCommand("unknown argument of LIST")
    inner = arguments.inner()
    items: list[str] = []
    while inner.left:
        match inner.word():
            case "SPECIAL-USE":
                session.need("SPECIAL-USE")
            case "STATUS":
                session.need("LIST-STATUS")
                items = inner.words()
            case _:
                raise BadCommand("unknown option of LIST")
    return items


def _special_use(session: Session, options: list[str]) -> bool:
    session.need("SPECIAL-USE")
    if options not in ([], ["SPECIAL-USE"]):
        raise BadCommand("unknown option of LIST")
    return bool(options)


def _listed(session: Session, mailbox: SandboxMailbox, name: str) -> bytes:
    attributes = ["\\HasNoChildren"]
    if mailbox.special_use and session.can("SPECIAL-USE"):
        attributes.append(mailbox.special_use)
    head = f'* {name} ({" ".join(attributes)}) "{names.DELIMITER}" '
    return head.encode() + session.spelled(mailbox.name) + b"\r\n"


def status(session: Session, arguments: Arguments) -> Reply:
    """Carry out STATUS."""
    mailbox = session.mailbox(arguments.mailbox())
    wanted = arguments.words()
    arguments.end()
    if not wanted:
        raise BadCommand("STATUS of what?")
    session.wire.put(_told(session, mailbox, wanted))
    return Reply()


def _told(session: Session, mailbox: SandboxMailbox, wanted: Sequence[str]) -> bytes:
    if "HIGHESTMODSEQ" in wanted:
        session.condstore = True
    items = " ".join(f"{item} {_status_item(session, mailbox, item)}" for item in wanted)
    return b"* STATUS " + session.spelled(mailbox.name) + f" ({items})\r\n".encode()


def _status_item(session: Session, mailbox: SandboxMailbox, item: str) -> int | str:
    match item:
        case "MESSAGES":
            return len(mailbox)
        case "RECENT":
            return 0
        case "UIDNEXT":
            return mailbox.uidnext
        case "UIDVALIDITY":
            return mailbox.uidvalidity
        case "UNSEEN":
            return sum("\\Seen" not in message.flags for message in mailbox)
        case "HIGHESTMODSEQ" if session.can("CONDSTORE"):
            return mailbox.highestmodseq
        case "SIZE" if session.can("STATUS=SIZE"):
            return sum(message.size for message in mailbox)
        case "MAILBOXID" if session.can("OBJECTID"):
            return f"({object_id(mailbox)})"
        case _:
            raise BadCommand(f"STATUS knows no {item}")
