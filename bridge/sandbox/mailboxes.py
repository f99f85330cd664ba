"""Commands on mailboxes as wholes: LIST, SELECT, STATUS, CREATE, DELETE, APPEND and their kin."""

import hashlib

from bridge.sandbox import dates, names
from bridge.sandbox.mailbox import SandboxMailbox
from bridge.sandbox.session import Refused, Reply, Session
from bridge.sandbox.syntax import Argument, Arguments, Atom, BadCommand
from bridge.sandbox.view import View

PERMANENT_FLAGS = "\\Answered \\Flagged \\Deleted \\Seen \\Draft"
ANY_FLAG = "\\*"


async def carry_out(session: Session, name: str, arguments: Arguments) -> Reply:
    """Carry out a command that needs a signed-in user. Waits for the client to take what is sent."""
    match name:
        case "SELECT" | "EXAMINE":
            return _open(session, arguments, read_only=name == "EXAMINE")
        case "UNSELECT":
            return _unselect(session, arguments)
        case "LIST" | "LSUB":
            return await _list(session, arguments, name)
        case "STATUS":
            return _status(session, arguments)
        case "APPEND":
            return _append(session, arguments)
        case "CREATE" | "DELETE" | "SUBSCRIBE" | "UNSUBSCRIBE":
            return _change(session, name, arguments)
        case "NAMESPACE":
            session.need("NAMESPACE")
            arguments.end()
            session.wire.put(b'* NAMESPACE (("" "/")) NIL NIL\r\n')
            return Reply()
        case "GETQUOTAROOT":
            return _quota_root(session, arguments)
        case "ENABLE":
            return _enable(session, arguments)
        case _:
            raise BadCommand("unknown command")


def _enable(session: Session, arguments: Arguments) -> Reply:
    session.need("ENABLE")
    wanted = [arguments.word() for _ in range(arguments.left)]
    if not wanted:
        raise BadCommand("ENABLE what?")
    enabled = [name for name in wanted if name == "CONDSTORE" and session.can(name)]
    session.condstore = session.condstore or bool(enabled)
    session.wire.put(b"* ENABLED" + b"".join(b" " + name.encode() for name in enabled) + b"\r\n")
    return Reply()


def _open(session: Session, arguments: Arguments, *, read_only: bool) -> Reply:
    session.view = None
    name = arguments.mailbox()
    if arguments.left:
        session.need("CONDSTORE")
        if arguments.words() != ["CONDSTORE"]:
            raise BadCommand("unknown parameter of SELECT")
        session.condstore = True
    arguments.end()
    mailbox = session.mailbox(name)
    session.view = View(mailbox, read_only=read_only)
    for line in _opening(session, mailbox, read_only=read_only):
        session.wire.put(f"* {line}\r\n".encode())
    return Reply("opened", "READ-ONLY" if read_only else "READ-WRITE")


def _opening(session: Session, mailbox: SandboxMailbox, *, read_only: bool) -> list[str]:
    unseen = next((at for at, message in enumerate(mailbox, 1) if "\\Seen" not in message.flags), 0)
    kept = "" if read_only else f"{PERMANENT_FLAGS} {ANY_FLAG}"
    lines = [
        f"FLAGS ({PERMANENT_FLAGS})",
        f"OK [PERMANENTFLAGS ({kept})] these can be kept",
        f"{len(mailbox)} EXISTS",
        "0 RECENT",
        f"OK [UIDVALIDITY {mailbox.uidvalidity}] UIDs valid",
        f"OK [UIDNEXT {mailbox.uidnext}] the next UID",
    ]
    if unseen:
        lines.append(f"OK [UNSEEN {unseen}] the first unseen")
    if session.can("CONDSTORE"):
        lines.append(f"OK [HIGHESTMODSEQ {mailbox.highestmodseq}] the highest")
    if session.can("OBJECTID"):
        lines.append(f"OK [MAILBOXID ({_object_id(mailbox)})] the mailbox's id")
    return lines


def _object_id(mailbox: SandboxMailbox) -> str:
    return "F" + hashlib.sha256(f"{mailbox.name}\0{mailbox.uidvalidity}".encode()).hexdigest()[:16]


def _unselect(session: Session, arguments: Arguments) -> Reply:
    session.need("UNSELECT")
    arguments.end()
    session.selected()
    session.view = None
    return Reply()


async def _list(session: Session, arguments: Arguments, name: str) -> Reply:
    assert session.user is not None
    special = isinstance(arguments.peek(), list) and _special_use(session, arguments.words())
    reference, wanted = arguments.mailbox(), arguments.mailbox()
    if arguments.left:
        if arguments.word() != "RETURN":
            raise BadCommand("unknown argument of LIST")
        _special_use(session, arguments.words())
    arguments.end()
    if not wanted:
        session.wire.put(b'* LIST (\\Noselect) "/" ""\r\n')
        return Reply()
    match = names.pattern(reference, wanted)
    for mailbox in session.user.mailboxes.values():
        if match.fullmatch(mailbox.name) and (mailbox.special_use or not special):
            await session.wire.send(_listed(session, mailbox, name))
    return Reply()


def _special_use(session: Session, options: list[str]) -> bool:
    session.need("SPECIAL-USE")
    if options not in ([], ["SPECIAL-USE"]):
        raise BadCommand("unknown option of LIST")
    return bool(options)


def _listed(session: Session, mailbox: SandboxMailbox, name: str) -> bytes:
    attributes = ["\\HasNoChildren"]
    if mailbox.special_use and session.can("SPECIAL-USE"):
        attributes.append(mailbox.special_use)
    return f'* {name} ({" ".join(attributes)}) "{names.DELIMITER}" '.encode() + names.to_wire(mailbox.name) + b"\r\n"


def _status(session: Session, arguments: Arguments) -> Reply:
    mailbox = session.mailbox(arguments.mailbox())
    wanted = arguments.words()
    arguments.end()
    if not wanted:
        raise BadCommand("STATUS of what?")
    if "HIGHESTMODSEQ" in wanted:
        session.condstore = True
    items = " ".join(f"{item} {_status_item(session, mailbox, item)}" for item in wanted)
    session.wire.put(b"* STATUS " + names.to_wire(mailbox.name) + f" ({items})\r\n".encode())
    return Reply()


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
            return f"({_object_id(mailbox)})"
        case _:
            raise BadCommand(f"STATUS knows no {item}")


def _quota_root(session: Session, arguments: Arguments) -> Reply:
    """One root for all of the user's mailboxes, if there is a limit (RFC 9208 §4.1.2)."""
    session.need("QUOTA")
    assert session.user is not None
    mailbox = session.mailbox(arguments.mailbox())
    arguments.end()
    limit = session.user.quota
    session.wire.put(b"* QUOTAROOT " + names.to_wire(mailbox.name) + (b"" if limit is None else b' ""') + b"\r\n")
    if limit is not None:
        used = sum(message.size for each in session.user.mailboxes.values() for message in each)
        session.wire.put(b'* QUOTA "" (STORAGE %d %d)\r\n' % (-(-used // 1024), limit // 1024))
    return Reply()


def _append(session: Session, arguments: Arguments) -> Reply:
    name = arguments.mailbox()
    flags = _flags(arguments.list_()) if isinstance(arguments.peek(), list) else []
    date = dates.from_wire(arguments.string().decode("latin-1")) if arguments.left == 2 else None
    octets = arguments.take()
    arguments.end()
    if not isinstance(octets, bytes) or isinstance(octets, Atom):
        raise BadCommand("APPEND ends with a literal")
    mailbox = session.mailbox(name, "TRYCREATE")
    uid = mailbox.deliver(octets, date, flags)
    return Reply("appended", f"APPENDUID {mailbox.uidvalidity} {uid}" if session.can("UIDPLUS") else "")


def _flags(values: list[Argument]) -> list[str]:
    return [str(value) for value in values if isinstance(value, Atom)]


def _change(session: Session, name: str, arguments: Arguments) -> Reply:
    assert session.user is not None
    wanted = arguments.mailbox().rstrip(names.DELIMITER)
    special = ""
    if arguments.left and name == "CREATE":
        special = _use(session, arguments)
    arguments.end()
    if name == "CREATE":
        if not wanted or wanted in session.user.mailboxes:
            raise Refused("there is one already", "ALREADYEXISTS")
        session.user.create(wanted, special)
        return Reply()
    session.mailbox(wanted)
    if name == "DELETE":
        if wanted == "INBOX":
            raise Refused("INBOX stays", "CANNOT")
        del session.user.mailboxes[wanted]
    return Reply()


def _use(session: Session, arguments: Arguments) -> str:
    session.need("SPECIAL-USE")
    inner = Arguments(arguments.list_())
    if inner.word() != "USE":
        raise BadCommand("unknown parameter of CREATE")
    uses = inner.list_()
    inner.end()
    return str(uses[0]) if uses and isinstance(uses[0], Atom) else ""
