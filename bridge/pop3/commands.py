"""Command lines, taken apart. What is no command, or has the wrong arguments, becomes a `Refused` with its answer."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bridge.model.names import MsgNum
from bridge.model.secret import Secret
from bridge.pop3.events import Dele, Last, List, Quit, Retr, Rset, StartTls, Stat, Top, UidlAsked
from bridge.sasl import SERVERS

MAX_DIGITS = 10
"""Digits of a number, leading zeros aside: enough for any message-number and any count of lines a device can mean."""


@dataclass(frozen=True, slots=True)
class User:
    """USER: the rest of the line is the name, blanks inside included."""

    name: str


@dataclass(frozen=True, slots=True)
class Pass:
    """PASS: all that follows the one blank is the password (RFC 1939 §7)."""

    password: Secret


@dataclass(frozen=True, slots=True)
class Auth:
    """AUTH of a mechanism that is known, with the initial response in base64 where there is one (RFC 5034 §4)."""

    mechanism: str
    initial: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Apop:
    """APOP: a name, and the digest of timestamp and password in hexadecimal (RFC 1939 §7)."""

    name: str
    digest: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ListMechanisms:
    """AUTH alone: old devices ask so for the mechanisms, though no RFC says they may."""


@dataclass(frozen=True, slots=True)
class Capa:
    """CAPA (RFC 2449 §5)."""


@dataclass(frozen=True, slots=True)
class Noop:
    """NOOP."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that cannot be obeyed in any state. `counts`: it is one of the bad commands in a row."""

    text: str
    counts: bool = True


Command = (
    User | Pass | Auth | Apop | ListMechanisms | Capa | Noop | StartTls | Stat | List | UidlAsked
    | Retr | Top | Dele | Last | Rset | Quit
)  # fmt: skip

UNKNOWN = Refused("unknown command")
EXTENSION = Refused("unknown command", counts=False)
MECHANISM = Refused("unknown authentication mechanism", counts=False)
NUL = Refused("a command holds no NUL")
NO_SUCH_MESSAGE = Refused("no such message")

_MECHANISMS = frozenset(name.encode("ascii") for name in SERVERS)

_BLANKS = re.compile(rb"[ \t]+")

_ALONE: Mapping[bytes, Command] = {
    b"STAT": Stat(),
    b"LAST": Last(),
    b"RSET": Rset(),
    b"NOOP": Noop(),
    b"QUIT": Quit(),
    b"CAPA": Capa(),
    b"STLS": StartTls(),
}
_ONE_MESSAGE: Mapping[bytes, Callable[[MsgNum], Command]] = {b"RETR": Retr, b"DELE": Dele}
_ONE_OR_ALL: Mapping[bytes, Callable[[MsgNum | None], Command]] = {b"LIST": List, b"UIDL": UidlAsked}


def parse(line: bytes) -> Command | Refused:
    """Read a line without its end. Any case and blanks behind it will do; any octets are answered, none raise."""
    verb, _, rest = line.partition(b" ")
    if verb in _ONE_MESSAGE and rest.isdigit():  # what a session has most of, written as nearly all devices do
        num = _number(rest)
        return _ONE_MESSAGE[verb](MsgNum(num)) if num else NO_SUCH_MESSAGE
    if b"\0" in line:
        return NUL
    verb = verb.rstrip(b"\t").upper()
    match verb:
        case b"PASS":
            return Pass(Secret(_text(rest))) if rest else _needs(verb, "a password")
        case b"USER":
            name = _text(rest.strip(b" \t"))
            return User(name) if name else _needs(verb, "a name")
        case b"APOP":
            return _apop(rest)
        case _:
            return _with_words(verb, _words(rest))


def _with_words(verb: bytes, words: list[bytes]) -> Command | Refused:
    if verb in _ALONE:
        return _needs(verb, "no argument") if words else _ALONE[verb]
    if verb in _ONE_MESSAGE:
        return _one_message(verb, words, _ONE_MESSAGE[verb])
    if verb in _ONE_OR_ALL:
        return _one_message(verb, words, _ONE_OR_ALL[verb]) if words else _ONE_OR_ALL[verb](None)
    if verb == b"TOP":
        return _top(words)
    if verb == b"AUTH":
        return _auth(words)
    return EXTENSION if verb.startswith(b"X") else UNKNOWN


def _one_message(verb: bytes, words: list[bytes], command: Callable[[MsgNum], Command]) -> Command | Refused:
    if len(words) != 1 or not words[0].isdigit():
        return _needs(verb, "a message number")
    num = _number(words[0])
    return command(MsgNum(num)) if num else NO_SUCH_MESSAGE


def _top(words: list[bytes]) -> Command | Refused:
    if len(words) != 2 or not all(word.isdigit() for word in words):
        return _needs(b"TOP", "a message number and a number of lines")
    num, lines = map(_number, words)
    if lines is None:
        return Refused("that is too many lines")
    return Top(MsgNum(num), lines) if num else NO_SUCH_MESSAGE


def _auth(words: list[bytes]) -> Command | Refused:
    match words:
        case []:
            return ListMechanisms()
        case [mechanism, *_] if mechanism.upper() not in _MECHANISMS:
            return MECHANISM
        case [mechanism, *rest] if len(rest) <= 1:
            return Auth(mechanism.upper().decode("ascii"), rest[0] if rest else None)
        case _:
            return _needs(b"AUTH", "a mechanism, and at most one initial response")


def _apop(rest: bytes) -> Command | Refused:
    """A name may have blanks in it, the digest has none."""
    name, _, digest = rest.strip(b" \t").rpartition(b" ")
    if not name.strip(b" \t"):
        return _needs(b"APOP", "a name and a digest")
    return Apop(_text(name.strip(b" \t")), _text(digest).lower())


def _number(digits: bytes) -> int | None:
    """Read digits that `bytes.isdigit` has seen, so ASCII ones; None when there are too many of them."""
    digits = digits.lstrip(b"0")
    return int(digits or b"0") if len(digits) <= MAX_DIGITS else None


def _words(rest: bytes) -> list[bytes]:
    rest = rest.strip(b" \t")
    return _BLANKS.split(rest) if rest else []


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")


def _needs(verb: bytes, what: str) -> Refused:
    return Refused(f"{verb.decode('ascii')} takes {what}")
