"""Commands on mailboxes as wholes: CREATE, DELETE, APPEND, ENABLE and their kin; where the others are."""

from bridge.sandbox import dates, names
from bridge.sandbox.listing import list_, status
from bridge.sandbox.notifying import notify
from bridge.sandbox.opening import open_
from bridge.sandbox.session import Refused, Reply, Session
from bridge.sandbox.syntax import Argument, Arguments, Atom, BadCommand


async def carry_out(session: Session, name: str, arguments: Arguments) -> Reply:
    """Carry out a command that needs a signed-in user. Waits for the client to take what is sent."""
    match name:
        case "SELECT" | "EXAMINE":
            return open_(session, arguments, read_only=name == "EXAMINE")
        case "UNSELECT":
            return _unselect(session, arguments)
        case "LIST" | "LSUB":
            return await list_(session, arguments, name)
        case "STATUS":
            return status(session, arguments)
        case "NOTIFY":
            return notify(session, arguments)
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


_NEEDS = {"CONDSTORE": ("CONDSTORE",), "QRESYNC": ("QRESYNC",), "UTF8=ACCEPT": ("UTF8=ACCEPT", "UTF8=ONLY")}
"""What ENABLE turns on, and the capabilities of which one is needed for that."""


def _enable(session: Session, arguments: Arguments) -> Reply:
    session.need("ENABLE")
    wanted = [arguments.word() for _ in range(arguments.left)]
    if not wanted:
        raise BadCommand("ENABLE what?")
    enabled = [name for name in wanted if any(session.can(needed) for needed in _NEEDS.get(name, ()))]
    session.qresync = session.qresync or "QRESYNC" in enabled
    session.condstore = session.condstore or session.qresync or "CONDSTORE" in enabled
    session.utf8 = session.utf8 or "UTF8=ACCEPT" in enabled
    session.wire.put(b"* ENABLED" + b"".join(b" " + name.encode() for name in enabled) + b"\r\n")
    return Reply()


def _unselect(session: Session, arguments: Arguments) -> Reply:
    session.need("UNSELECT")
    arguments.end()
    session.selected()
    session.view = None
    return Reply()


def _quota_root(session: Session, arguments: Arguments) -> Reply:
    """One root for all of the user's mailboxes, if there is a limit (RFC 9208 §4.1.2)."""
    session.need("QUOTA")
    assert session.user is not None
    mailbox = session.mailbox(arguments.mailbox())
    arguments.end()
    limit = session.user.quota
    session.wire.put(b"* QUOTAROOT " + session.spelled(mailbox.name) + (b"" if limit is None else b' ""') + b"\r\n")
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
    inner = arguments.inner()
    if inner.word() != "USE":
        raise BadCommand("unknown parameter of CREATE")
    uses = inner.list_()
    inner.end()
    return str(uses[0]) if uses and isinstance(uses[0], Atom) else ""
