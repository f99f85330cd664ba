"""One connection from greeting to close: which command goes where."""

from bridge.net import ServerTls, Stream
from bridge.sandbox import mailboxes, messages, searching, signing_in
from bridge.sandbox.idling import idle, tell_news
from bridge.sandbox.session import Refused, Reply, Session
from bridge.sandbox.striking import strike
from bridge.sandbox.syntax import Arguments, Atom, BadCommand, Literal, Part, parse, tag_of

LOGIN_SECONDS = 60
"""How long somebody may be connected without signing in, per command."""

IDLE_SECONDS = 1800
"""How long a signed-in connection may say nothing: the least that RFC 3501 §5.4 allows."""

EXCERPT = 300
"""Octets of a command's arguments kept for scripts and tests."""

SECRET = frozenset({"LOGIN", "AUTHENTICATE"})
SILENT = frozenset({"FETCH", "STORE", "SEARCH"})
"""Commands during which no EXPUNGE may be said (RFC 3501 §7.4.1)."""

TLS_SECONDS = 20


async def converse(session: Session) -> None:
    """Serve one connection until it ends. Raises NetError or ConnectionOver where it does not end by LOGOUT or EOF."""
    answer = await strike(session, "greeting")
    greeting = answer or Reply("sandbox ready", session.unasked_capabilities)
    session.wire.put(greeting.octets("*"))
    await session.wire.flush()
    while not session.ended:
        seconds = LOGIN_SECONDS if session.user is None else IDLE_SECONDS
        parts = await session.wire.command(seconds, session.unasked)
        if parts is None:
            return
        await _answer(session, parts)
        await session.wire.flush()


async def _answer(session: Session, parts: list[Part]) -> None:
    session.tag, session.name, session.arguments = tag_of(parts), "", ""
    reply = await _reply(session, parts)
    await tell_news(session, expunges=session.name not in SILENT)
    reply = await strike(session, "tagged") or reply
    session.wire.put(reply.octets(session.tag))
    if session.name == "STARTTLS" and reply.kind == "OK":
        await _start_tls(session)
    if session.name == "COMPRESS" and reply.kind == "OK":
        await session.wire.flush()
        session.wire.compress()


async def _reply(session: Session, parts: list[Part]) -> Reply:
    try:
        name, arguments = _command(parts, utf8=session.utf8)
        session.name = name
        session.arguments = "" if name in SECRET else _excerpt(parts)
        scripted = await strike(session, "command")
        if scripted is not None:
            return scripted
        if name.startswith("UID ") or name == "NOOP":
            await tell_news(session, expunges=True)
        return await _dispatch(session, name, arguments)
    except BadCommand as reason:
        return Reply(str(reason), kind="BAD")
    except Refused as reason:
        return reason.reply


def _command(parts: list[Part], *, utf8: bool) -> tuple[str, Arguments]:
    values = parse(parts)
    if len(values) < 2 or not isinstance(values[1], Atom):
        raise BadCommand("a command is missing")
    name = values[1].upper()
    if name != "UID":
        return name, Arguments(values[2:], utf8=utf8)
    if len(values) < 3 or not isinstance(values[2], Atom):
        raise BadCommand("UID of what?")
    return f"UID {values[2].upper()}", Arguments(values[3:], utf8=utf8)


def _excerpt(parts: list[Part]) -> str:
    """Give the arguments as text, literals as `{n}`."""
    pieces = (b"{%d}" % len(p.octets) if isinstance(p, Literal) else p for p in parts)
    text = b"".join(pieces).decode("latin-1")
    words = text.split(" ", 3 if text.upper().split(" ")[1:2] == ["UID"] else 2)
    return words[-1][:EXCERPT] if len(words) > 2 else ""


async def _dispatch(session: Session, name: str, arguments: Arguments) -> Reply:
    match name:
        case "NOOP" | "CAPABILITY" | "LOGOUT" | "ID" | "STARTTLS" | "LOGIN" | "AUTHENTICATE":
            return await signing_in.carry_out(session, name, arguments)
        case _ if session.user is None:
            raise BadCommand("sign in first")
        case _ if session.can("UTF8=ONLY") and not session.utf8 and name != "ENABLE":
            raise Refused("enable UTF8=ACCEPT first", "CANNOT")
        case "COMPRESS":
            return _compress(session, arguments)
        case "IDLE":
            return await idle(session, arguments)
        case "SEARCH" | "UID SEARCH":
            return await searching.search(session, arguments, by_uid=name.startswith("UID "))
        case _ if name in messages.COMMANDS:
            return await messages.carry_out(session, name, arguments)
        case _:
            return await mailboxes.carry_out(session, name, arguments)


def _compress(session: Session, arguments: Arguments) -> Reply:
    session.need("COMPRESS=DEFLATE")
    if arguments.word() != "DEFLATE":
        raise BadCommand("the sandbox knows DEFLATE alone")
    arguments.end()
    if session.wire.compressed:
        raise Refused("it is compressed already", "COMPRESSIONACTIVE")
    return Reply("compressed from here on")


async def _start_tls(session: Session) -> None:
    assert session.tls is not None
    await session.wire.flush()
    session.wire.forget_input()
    await session.wire.stream.start_tls_server(session.tls.context, TLS_SECONDS)


async def start_implicit_tls(stream: Stream, tls: ServerTls) -> None:
    """Shake hands before the greeting. Raises NetError."""
    await stream.start_tls_server(tls.context, TLS_SECONDS)
