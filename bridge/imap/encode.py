"""The one encoder for everything that goes into a command: atom, quoted string, else literal.

A command is parts: `bytes` written in this room stand for themselves; whatever comes from outside is an `Argument` or a
`Mailbox`, and leaves as one IMAP string whatever it holds, so nothing in it can end a line or become a command.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from bridge.imap import mutf7
from bridge.imap.errors import UnsendableArgument
from bridge.imap.limits import QUOTED_OCTETS, SMALL_LITERAL_OCTETS

# RFC 3501 §9, ATOM-CHAR, less the letters that only some readers take in an atom.
_ATOM = re.compile(rb"[A-Za-z0-9!#$&'+,./:;<=>?@^_`|~-]+")
_QUOTABLE = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\x7f]*")

LiteralMode = Literal["", "LITERAL-", "LITERAL+"]


@dataclass(frozen=True, slots=True)
class Argument:
    """An astring from outside, or with `bare` False a string, which is never an atom.

    Raises `UnsendableArgument` when made from octets with a NUL.
    """

    octets: bytes
    secret: bool = False
    bare: bool = True

    def __post_init__(self) -> None:
        if b"\0" in self.octets:
            raise UnsendableArgument("A name or password holds a NUL, which IMAP cannot carry.")

    def __repr__(self) -> str:
        return "…" if self.secret else self.octets.decode("utf-8", "backslashreplace")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mailbox's name: Unicode, encoded as the connection needs, or `bytes` as a server spelled it in LIST.

    Raises `UnsendableArgument` when made from a name with a NUL or half a surrogate pair.
    """

    name: str | bytes

    def __post_init__(self) -> None:
        try:
            octets = self.name.encode() if isinstance(self.name, str) else self.name
        except UnicodeEncodeError as mistake:
            raise UnsendableArgument("A mailbox's name holds half a character.") from mistake
        if b"\0" in octets:
            raise UnsendableArgument("A mailbox's name holds a NUL, which IMAP cannot carry.")

    def octets(self, *, utf8: bool) -> bytes:
        """Encode it: UTF-8 where that was agreed, else modified UTF-7."""
        if isinstance(self.name, bytes):
            return self.name
        return self.name.encode() if utf8 else mutf7.encode(self.name)

    def __repr__(self) -> str:
        return repr(self.name)


@dataclass(frozen=True, slots=True)
class Charset:
    """Announces that strings are in UTF-8; where UTF-8 was agreed on, saying so is an error (RFC 6855 §3)."""

    def __repr__(self) -> str:
        return " CHARSET UTF-8"


Part = bytes | Argument | Mailbox | Charset


def text_argument(text: str, *, secret: bool = False, bare: bool = True) -> Argument:
    """Make an argument of text that is not a mailbox's name. Octets hidden by surrogateescape come back."""
    try:
        return Argument(text.encode("utf-8", "surrogateescape"), secret, bare)
    except UnicodeEncodeError as mistake:
        raise UnsendableArgument("A name or password holds half a character.") from mistake


def segments(parts: Iterable[Part], mode: LiteralMode, *, utf8: bool) -> list[bytes]:
    """Encode parts into what may be sent at once; between two segments the server's `+` is waited for."""
    out = [bytearray()]
    for part in parts:
        match part:
            case bytes():
                out[-1] += part
            case Charset():
                out[-1] += b"" if utf8 else b" CHARSET UTF-8"
            case Mailbox():
                _append(out, part.octets(utf8=utf8), mode, bare=True)
            case Argument():
                _append(out, part.octets, mode, bare=part.bare)
    return [bytes(segment) for segment in out]


def _append(out: list[bytearray], octets: bytes, mode: LiteralMode, *, bare: bool) -> None:
    if bare and _ATOM.fullmatch(octets) and octets.upper() != b"NIL":
        out[-1] += octets
    elif len(octets) <= QUOTED_OCTETS and _QUOTABLE.fullmatch(octets):
        out[-1] += b'"%b"' % octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    elif mode == "LITERAL+" or (mode == "LITERAL-" and len(octets) <= SMALL_LITERAL_OCTETS):
        out[-1] += b"{%d+}\r\n%b" % (len(octets), octets)
    else:
        out[-1] += b"{%d}\r\n" % len(octets)
        out.append(bytearray(octets))


def parts_text(parts: Iterable[Part]) -> Iterator[str]:
    """Show parts for people, secrets masked."""
    for part in parts:
        yield part.decode("ascii") if isinstance(part, bytes) else repr(part)
