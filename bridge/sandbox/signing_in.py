"""Commands of any state, and those that sign in."""

import base64
import binascii

from bridge.sandbox.session import Refused, Reply, Session
from bridge.sandbox.syntax import Arguments, BadCommand

ANSWER_SECONDS = 60
"""How long the client may take to answer AUTHENTICATE's continuation."""


async def carry_out(session: Session, name: str, arguments: Arguments) -> Reply:
    """Carry out NOOP, CAPABILITY, LOGOUT, ID, STARTTLS, LOGIN or AUTHENTICATE. Waits for what the client says."""
    match name:
        case "LOGIN":
            return _login(session, arguments)
        case "AUTHENTICATE":
            return await _authenticate(session, arguments)
        case "STARTTLS":
            return _starttls(session, arguments)
        case "ID":
            return _id(session, arguments)
    arguments.end()
    if name == "CAPABILITY":
        session.wire.put(f"* CAPABILITY {session.capabilities}\r\n".encode())
    elif name == "LOGOUT":
        session.wire.put(b"* BYE see you\r\n")
        session.ended = True
    return Reply()


def _starttls(session: Session, arguments: Arguments) -> Reply:
    arguments.end()
    if not session.offers_tls or session.user is not None:
        raise BadCommand("TLS cannot begin now")
    return Reply("begin TLS now")


def _id(session: Session, arguments: Arguments) -> Reply:
    session.need("ID")
    if isinstance(arguments.peek(), list):
        if len(arguments.list_()) % 2:
            raise BadCommand("ID takes pairs")
    elif arguments.word() != "NIL":
        raise BadCommand("ID takes a list or NIL")
    arguments.end()
    session.wire.put(b'* ID ("name" "sandbox" "vendor" "popbridge")\r\n')
    return Reply()


def _login(session: Session, arguments: Arguments) -> Reply:
    name, password = arguments.string(), arguments.string()
    arguments.end()
    if session.can("LOGINDISABLED"):
        raise Refused("not without TLS", "PRIVACYREQUIRED")
    return _sign_in(session, name, password)


async def _authenticate(session: Session, arguments: Arguments) -> Reply:
    mechanism = arguments.word()
    if f"AUTH={mechanism}" not in session.server.capabilities or mechanism != "PLAIN":
        raise Refused("no such mechanism")
    if arguments.left:
        session.need("SASL-IR")
        response = arguments.atom().encode()
        arguments.end()
    else:
        session.wire.put(b"+ \r\n")
        await session.wire.flush()
        response = await session.wire.answer(ANSWER_SECONDS)
    try:
        authzid, name, password = base64.b64decode(response, validate=True).split(b"\0")
    except (binascii.Error, ValueError) as failure:
        raise BadCommand("that is no PLAIN message") from failure
    if authzid not in (b"", name):
        raise Refused("nobody may act for another", "AUTHORIZATIONFAILED")
    return _sign_in(session, name, password)


def _sign_in(session: Session, name: bytes, password: bytes) -> Reply:
    if session.user is not None:
        raise BadCommand("already signed in")
    user = session.server.users.get(name.decode("utf-8", "replace"))
    if user is None or user.password.encode() != password:
        raise Refused("wrong user or password", "AUTHENTICATIONFAILED")
    session.user = user
    return Reply("signed in", session.unasked_capabilities)
