"""FETCH."""

import hashlib
from collections.abc import Callable

from bridge.sandbox import dates
from bridge.sandbox.mailbox import SandboxMessage
from bridge.sandbox.sections import Body, parse_body
from bridge.sandbox.session import Reply, Session
from bridge.sandbox.striking import strike
from bridge.sandbox.syntax import Argument, Arguments, Atom, BadCommand
from bridge.sandbox.view import View

_FACTS: dict[str, tuple[str, Callable[[SandboxMessage], bytes]]] = {
    "UID": ("", lambda m: b"UID %d" % m.uid),
    "FLAGS": ("", lambda m: b"FLAGS (%s)" % " ".join(sorted(m.flags)).encode()),
    "RFC822.SIZE": ("", lambda m: b"RFC822.SIZE %d" % m.size),
    "INTERNALDATE": ("", lambda m: b"INTERNALDATE " + dates.to_wire(m.date)),
    "MODSEQ": ("CONDSTORE", lambda m: b"MODSEQ (%d)" % m.modseq),
    "EMAILID": ("OBJECTID", lambda m: b"EMAILID (%s)" % m.emailid.encode()),
    "THREADID": ("OBJECTID", lambda _: b"THREADID NIL"),
    "X-GM-MSGID": ("X-GM-EXT-1", lambda m: b"X-GM-MSGID %d" % gmail_id(m.emailid)),
}
"""Items that are not of the body: the capability they need, and how they are said."""

Item = Body | Callable[[SandboxMessage], bytes]


def gmail_id(emailid: str) -> int:
    """Give the 63-bit number that stands for a message under X-GM-EXT-1."""
    return int.from_bytes(hashlib.sha256(emailid.encode()).digest()[:8]) >> 1


async def fetch(session: Session, arguments: Arguments, *, by_uid: bool) -> Reply:
    """Carry out FETCH or UID FETCH. Waits for the client to take what is sent."""
    view = session.selected()
    chosen = view.choose(arguments.numbers(), by_uid=by_uid)
    items = _items(session, arguments.take(), by_uid=by_uid)
    since = _changed_since(session, arguments)
    arguments.end()
    limit = session.message_limit
    told = chosen[-limit:] if limit else chosen
    for at in told:
        if view.messages[at].modseq > since:
            await _send(session, view, at, items)
    partial = len(told) < len(chosen)
    return Reply("fetched", f"MESSAGELIMIT {limit} {view.messages[told[0]].uid}" if partial else "")


def _changed_since(session: Session, arguments: Arguments) -> int:
    if not arguments.left:
        return 0
    session.need("CONDSTORE")
    inner = Arguments(arguments.list_())
    if inner.word() != "CHANGEDSINCE":
        raise BadCommand("unknown modifier of FETCH")
    session.condstore = True
    since = inner.number()
    inner.end()
    return since


def _items(session: Session, asked: Argument, *, by_uid: bool) -> list[Item]:
    values = asked if isinstance(asked, list) else [asked]
    names = [_SHORT.get(value.upper(), value.upper()) for value in values if isinstance(value, Atom)]
    if not names or len(names) != len(values):
        raise BadCommand("FETCH what?")
    words = [word for name in names for word in (name.split("|") if "|" in name else [name])]
    if by_uid and "UID" not in words:
        words.insert(0, "UID")
    if "MODSEQ" in words:
        session.condstore = True
    return [_item(session, word) for word in words]


_SHORT = {"FAST": "FLAGS|INTERNALDATE|RFC822.SIZE"}


def _item(session: Session, word: str) -> Item:
    if word in _FACTS:
        capability, tell = _FACTS[word]
        if capability:
            session.need(capability)
        return tell
    body = parse_body(word)
    if body is None:
        raise BadCommand(f"the sandbox does not fetch {word}")
    return body


async def _send(session: Session, view: View, at: int, items: list[Item]) -> None:
    message, wire = view.messages[at], session.wire
    text = b"* %d FETCH (" % (at + 1)
    for item in items:
        if isinstance(item, Body):
            await wire.send(text + item.label.encode() + b" ")
            await _send_literal(session, item.cut(message.octets))
            text = b" "
            _mark_seen(view, message, item)
        else:
            text += item(message) + b" "
    await wire.send((text[:-1] if text.endswith(b" ") else text) + b")\r\n")


async def _send_literal(session: Session, octets: bytes) -> None:
    await strike(session, "literal", octets)
    session.wire.put(b"{%d}\r\n" % len(octets))
    await session.wire.send(octets)


def _mark_seen(view: View, message: SandboxMessage, body: Body) -> None:
    if not body.peek and not view.read_only and not message.gone and "\\Seen" not in message.flags:
        view.mailbox.set_flags(message.uid, message.flags | {"\\Seen"})
