"""FETCH: from pairs of names and values to events (RFC 9051 §7.5.2)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from bridge.imap import dates, names
from bridge.imap.errors import ImapProtocolError
from bridge.imap.events import BodyBegin, BodyChunk, BodyEnd, Fetched, Response
from bridge.imap.limits import LITERAL_OCTETS, MAX_U32, MAX_U63, MAX_U64
from bridge.imap.rows import identity
from bridge.imap.tokens import STREAMED, Atom, Node, Tree, is_nil, number

_SECTION: Final = re.compile(rb"BODY\[(.*)\](?:<([0-9]{1,20})>)?", re.IGNORECASE | re.DOTALL)
_KEPT: Final = re.compile(r"(?:[0-9.]+\.)?HEADER\.FIELDS")
_EMAILID: Final = re.compile(rb"[A-Za-z0-9_-]{1,255}")


@dataclass(frozen=True, slots=True)
class Section:
    """The name of a BODY[…] item: what is between the brackets, and the origin of a range."""

    text: str
    origin: int | None

    @property
    def kept(self) -> bool:
        """True for header fields, which are kept and given in `Fetched.sections` instead of being streamed."""
        return _KEPT.match(self.text) is not None


def section(name: Node) -> Section | None:
    """Read the name of a BODY[…] item; None for any other node. Raises `ImapProtocolError` when it has no end."""
    if not isinstance(name, Atom) or name[:5].upper() != b"BODY[":
        return None
    found = _SECTION.fullmatch(name)
    if found is None:
        raise ImapProtocolError("The server sent the name of a section without its end.")
    spelled = names.text(found[1]).upper().replace('"', "")
    return Section(" ".join(spelled.split()), number(Atom(found[2]), MAX_U63) if found[2] is not None else None)


def section_ahead(tree: Tree) -> Section | None:
    """Tell which BODY[…] item of a FETCH the literal ahead is the value of; None when it is of none."""
    if tree.depth != 1 or len(tree.top) % 2 == 0:
        return None
    return section(tree.top[-1])


def uid_so_far(tree: Tree) -> int | None:
    """Give the UID if it stood before the place reached."""
    return next((_uid(value) for name, value in _pairs(tree.top) if name == b"UID"), None)


def events(seq: int, items: list[Node]) -> Iterator[Response]:
    """Give the bodies that did not stream, then `Fetched`. Raises `ImapProtocolError` for a UID that is none."""
    if len(items) % 2:
        raise ImapProtocolError("The server sent a FETCH response with a name and no value.")
    facts = _Facts(seq)
    for name, value in _pairs(items):
        where = section(name)
        if where is None:
            facts.note(name, value)
        elif where.kept:
            facts.sections[where.text] = b"" if is_nil(value) or isinstance(value, list) else value[:LITERAL_OCTETS]
        elif value is not STREAMED:
            facts.bodies.append((where, value))
    yield from facts.body_events()
    yield facts.fetched()


@dataclass(slots=True)
class _Facts:
    seq: int
    uid: int | None = None
    size: int | None = None
    date: int | None = None
    flags: frozenset[str] | None = None
    modseq: int | None = None
    emailid: bytes | None = None
    gmail: bytes | None = None
    sections: dict[str, bytes] = field(default_factory=dict)
    bodies: list[tuple[Section, Node]] = field(default_factory=list)

    def note(self, name: bytes, value: Node) -> None:
        match name:
            case b"UID":
                self.uid = _uid(value)
            case b"RFC822.SIZE":
                self.size = number(value, MAX_U63)
            case b"INTERNALDATE":
                self.date = dates.parse(value) if isinstance(value, bytes) else None
            case b"FLAGS":
                self.flags = names.flags(word for word in _words(value))
            case b"MODSEQ":
                self.modseq = number(_only(value), MAX_U63)
            case b"EMAILID":
                word = value[0] if isinstance(value, list) and len(value) == 1 else b""
                self.emailid = bytes(word) if isinstance(word, bytes) and _EMAILID.fullmatch(word) else None
            case b"X-GM-MSGID":
                self.gmail = bytes(value) if isinstance(value, bytes) and number(value, MAX_U64) is not None else None
            case _:
                pass  # not asked for

    def body_events(self) -> Iterator[Response]:
        for where, value in self.bodies:
            missing = is_nil(value)
            if isinstance(value, list):
                raise ImapProtocolError("The server sent a list where a message's text belongs.")
            octets = b"" if missing else bytes(value)
            yield BodyBegin(self.seq, self.uid, where.text, where.origin, len(octets), missing)
            if octets:
                yield BodyChunk(octets)
            yield BodyEnd()

    def fetched(self) -> Fetched:
        identified = identity(self.emailid, self.gmail)
        return Fetched(self.seq, self.uid, self.size, self.date, self.flags, self.modseq, identified, self.sections)


def _pairs(items: list[Node]) -> Iterator[tuple[bytes, Node]]:
    for at in range(0, len(items) - 1, 2):
        name = items[at]
        if not isinstance(name, Atom):
            raise ImapProtocolError("The server sent a FETCH response with a value where a name belongs.")
        yield (name if name[:5].upper() == b"BODY[" else Atom(name.upper())), items[at + 1]


def _uid(value: Node) -> int:
    uid = number(value, MAX_U32)
    if not uid:
        raise ImapProtocolError("The server sent a UID that is none.")
    return uid


def _words(value: Node) -> list[bytes]:
    return [word for word in value if isinstance(word, bytes)] if isinstance(value, list) else []


def _only(value: Node) -> Node:
    return value[0] if isinstance(value, list) and len(value) == 1 else value
