"""Commands on the messages of the selected mailbox, but SEARCH: FETCH, STORE, COPY, MOVE, EXPUNGE, CLOSE."""

from bridge.sandbox.fetching import fetch
from bridge.sandbox.idling import tell_news
from bridge.sandbox.mailbox import SandboxMailbox, SandboxMessage
from bridge.sandbox.session import Refused, Reply, Session
from bridge.sandbox.sets import compact
from bridge.sandbox.syntax import Argument, Arguments, Atom, BadCommand
from bridge.sandbox.view import flags_and_modseq

_OF_BOTH_KINDS = ("FETCH", "STORE", "COPY", "MOVE", "EXPUNGE")
COMMANDS = frozenset({"CHECK", "CLOSE", *_OF_BOTH_KINDS, *(f"UID {name}" for name in _OF_BOTH_KINDS)})


async def carry_out(session: Session, name: str, arguments: Arguments) -> Reply:
    """Carry out one of COMMANDS. Waits for the client to take what is sent."""
    by_uid = name.startswith("UID ")
    match name.removeprefix("UID "):
        case "FETCH":
            return await fetch(session, arguments, by_uid=by_uid)
        case "STORE":
            return await _store(session, arguments, by_uid=by_uid)
        case "COPY":
            return _copy(session, arguments, by_uid=by_uid)
        case "MOVE":
            return await _move(session, arguments, by_uid=by_uid)
        case "EXPUNGE":
            return _expunge(session, arguments, by_uid=by_uid)
        case "CLOSE":
            return _close(session, arguments)
        case _:
            session.selected()
            arguments.end()
            return Reply()


def _deleted(session: Session) -> list[int]:
    return [m.uid for m in session.selected().mailbox if "\\Deleted" in m.flags]


def _close(session: Session, arguments: Arguments) -> Reply:
    arguments.end()
    view = session.selected()
    if not view.read_only and (deleted := _deleted(session)):
        view.mailbox.expunge(*deleted)
    session.view = None
    return Reply()


def _expunge(session: Session, arguments: Arguments, *, by_uid: bool) -> Reply:
    mailbox = session.writable().mailbox
    deleted = _deleted(session)
    if by_uid:
        session.need("UIDPLUS")
        deleted = [deleted[at] for at in arguments.numbers().pick(deleted)]
    arguments.end()
    if deleted:
        mailbox.expunge(*deleted)
    return Reply()


async def _store(session: Session, arguments: Arguments, *, by_uid: bool) -> Reply:
    view = session.writable()
    chosen = view.choose(arguments.numbers(), by_uid=by_uid)
    since = _unchanged_since(session, arguments)
    item = arguments.word()
    flags = _flags(arguments)
    way, silent = item.removesuffix(".SILENT"), item.endswith(".SILENT")
    if way not in {"FLAGS", "+FLAGS", "-FLAGS"}:
        raise BadCommand("STORE knows only FLAGS")
    changed = [at for at in chosen if since is None or view.messages[at].modseq <= since]
    for at in changed:
        message = view.messages[at]
        if message.gone:
            continue
        view.mailbox.set_flags(message.uid, _combine(message.flags, way, flags))
        view.told(message)
        if not silent or session.condstore:
            await session.wire.send(_stored(session, at, message, silent=silent))
    late = [view.messages[at].uid if by_uid else at + 1 for at in chosen if at not in set(changed)]
    return Reply("stored", f"MODIFIED {compact(late)}" if late else "")


def _stored(session: Session, at: int, message: SandboxMessage, *, silent: bool) -> bytes:
    items = b"MODSEQ (%d)" % message.modseq if silent else flags_and_modseq(message, session.condstore)
    return b"* %d FETCH (UID %d %s)\r\n" % (at + 1, message.uid, items)


def _unchanged_since(session: Session, arguments: Arguments) -> int | None:
    if not isinstance(arguments.peek(), list):
        return None
    session.need("CONDSTORE")
    inner = Arguments(arguments.list_())
    if inner.word() != "UNCHANGEDSINCE":
        raise BadCommand("unknown modifier of STORE")
    session.condstore = True
    since = inner.number()
    inner.end()
    return since


def _flags(arguments: Arguments) -> set[str]:
    bare = not isinstance(arguments.peek(), list)
    values: list[Argument] = [arguments.take() for _ in range(arguments.left)] if bare else arguments.list_()
    arguments.end()
    if not all(isinstance(value, Atom) for value in values):
        raise BadCommand("flags are atoms")
    return {_SYSTEM.get(str(value).upper(), str(value)) for value in values if isinstance(value, Atom)}


_SYSTEM = {flag.upper(): flag for flag in ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft")}


def _combine(old: set[str], way: str, flags: set[str]) -> set[str]:
    match way:
        case "+FLAGS":
            return old | flags
        case "-FLAGS":
            return old - flags
        case _:
            return flags


def _copy_to(session: Session, arguments: Arguments, *, by_uid: bool) -> tuple[list[SandboxMessage], str]:
    """Copy the messages asked for; give them and the COPYUID code."""
    view = session.selected()
    chosen = [view.messages[at] for at in view.choose(arguments.numbers(), by_uid=by_uid)]
    target = session.mailbox(arguments.mailbox(), "TRYCREATE")
    arguments.end()
    if any(message.gone for message in chosen):
        raise Refused("some of the messages are gone", "EXPUNGEISSUED")
    return chosen, _deliver_all(session, chosen, target)


def _deliver_all(session: Session, chosen: list[SandboxMessage], target: SandboxMailbox) -> str:
    new = target.restore(chosen)
    if not new or not session.can("UIDPLUS"):
        return ""
    return f"COPYUID {target.uidvalidity} {compact(m.uid for m in chosen)} {compact(new)}"


def _copy(session: Session, arguments: Arguments, *, by_uid: bool) -> Reply:
    _, code = _copy_to(session, arguments, by_uid=by_uid)
    return Reply("copied", code)


async def _move(session: Session, arguments: Arguments, *, by_uid: bool) -> Reply:
    session.need("MOVE")
    view = session.writable()
    chosen, code = _copy_to(session, arguments, by_uid=by_uid)
    if code:  # before the EXPUNGEs (RFC 6851 §4.3)
        session.wire.put(Reply("moved", code).octets("*"))
    if chosen:
        view.mailbox.expunge(*(message.uid for message in chosen))
    await tell_news(session, expunges=True)
    return Reply("moved")
