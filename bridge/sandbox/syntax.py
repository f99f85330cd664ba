"""Commands as a client sends them, taken strictly: the sandbox is a referee for what popbridge sends.

One space between arguments, no 8-bit outside literals, no unbalanced parentheses (RFC 3501 §9).
"""

import re
from dataclasses import dataclass

from bridge.sandbox.names import NameRefused, from_utf8, from_wire
from bridge.sandbox.sets import NumberSet, parse_set

NESTING = 20
"""Lists within lists. No command of ours needs more than three."""

_TOKEN = re.compile(
    rb"(?P<open>\()"
    rb"|(?P<close>\))"
    rb'|"(?P<quoted>(?:[^"\\\x00\r\n\x80-\xff]|\\["\\])*)"'
    rb'|(?P<atom>[^\x00-\x20\x7f-\xff()"{}\[\]]+(?:\[[^\]\x00-\x1f\x7f-\xff]*\](?:<[0-9]+\.[0-9]+>)?)?)'
)
_ESCAPED = re.compile(rb'\\(["\\])')


class BadCommand(Exception):
    """The command is not in the grammar: BAD, with the reason."""


class Atom(str):
    """An argument that came bare."""

    __slots__ = ()


Argument = Atom | bytes | list["Argument"]
"""An atom, a string (quoted or literal), or a list."""


@dataclass(frozen=True, slots=True)
class Literal:
    """The octets of a literal, in its place in a command."""

    octets: bytes


Part = bytes | Literal


def tag_of(parts: list[Part]) -> str:
    """Give the command's tag, or `*` where there is none."""
    first = parts[0] if isinstance(parts[0], bytes) else b""
    tag = first.split(b" ", 1)[0].decode("latin-1")
    return tag if re.fullmatch(r"[A-Za-z0-9.\-_:=/$#]{1,64}", tag) else "*"


def parse(parts: list[Part]) -> list[Argument]:
    """Give tag, command name and arguments. Raises BadCommand."""
    stack: list[list[Argument]] = [[]]
    spaced = True
    for part in parts:
        if isinstance(part, Literal):
            stack[-1].append(_take(part.octets, spaced))
            spaced = False
        else:
            spaced = _parse_text(part, stack, spaced)
    if len(stack) > 1:
        raise BadCommand("parenthesis not closed")
    if spaced:
        raise BadCommand("space at the end, or nothing at all")
    return stack[0]


def _take(value: bytes, spaced: bool) -> bytes:
    if not spaced:
        raise BadCommand("a space is missing before a string")
    return value


def _parse_text(text: bytes, stack: list[list[Argument]], spaced: bool) -> bool:
    at = 0
    while at < len(text):
        if text[at] == 0x20:
            if spaced:
                raise BadCommand("one space too many")
            spaced, at = True, at + 1
            continue
        match = _TOKEN.match(text, at)
        if match is None:
            raise BadCommand(f"octet {text[at]:#04x} does not belong here")
        spaced, at = _push(match, stack, spaced), match.end()
    return spaced


def _push(match: re.Match[bytes], stack: list[list[Argument]], spaced: bool) -> bool:
    """Add one token, and tell whether another may follow at once."""
    if match["close"] is not None:
        if len(stack) == 1 or (spaced and stack[-1]):
            raise BadCommand("parenthesis closed in the wrong place")
        stack.pop()
        return False
    if not spaced:
        raise BadCommand("a space is missing between arguments")
    if match["open"] is not None:
        if len(stack) > NESTING:
            raise BadCommand("nested too deeply")
        inner: list[Argument] = []
        stack[-1].append(inner)
        stack.append(inner)
        return True
    if match["quoted"] is not None:
        stack[-1].append(_ESCAPED.sub(rb"\1", match["quoted"]))
    else:
        stack[-1].append(Atom(match["atom"].decode()))
    return False


class Arguments:
    """The arguments of one command, taken one after the other. Everything wrong raises BadCommand. `utf8` says how
    mailbox names are written.
    """

    def __init__(self, values: list[Argument], *, utf8: bool = False) -> None:
        self._values = values
        self._at = 0
        self._utf8 = utf8

    @property
    def left(self) -> int:
        """How many have not been taken."""
        return len(self._values) - self._at

    def peek(self) -> Argument | None:
        """Give the next one without taking it; None when there is none."""
        return self._values[self._at] if self.left else None

    def take(self) -> Argument:
        """Take the next one."""
        if not self.left:
            raise BadCommand("an argument is missing")
        self._at += 1
        return self._values[self._at - 1]

    def atom(self) -> str:
        """Take an atom."""
        value = self.take()
        if not isinstance(value, Atom):
            raise BadCommand("an atom is missing")
        return str(value)

    def word(self) -> str:
        """Take an atom, in capitals."""
        return self.atom().upper()

    def string(self) -> bytes:
        """Take an astring."""
        value = self.take()
        if isinstance(value, list):
            raise BadCommand("a string is missing")
        return value.encode() if isinstance(value, Atom) else value

    def list_(self) -> list[Argument]:
        """Take a parenthesised list."""
        value = self.take()
        if not isinstance(value, list):
            raise BadCommand("a list is missing")
        return value

    def inner(self) -> "Arguments":
        """Take a parenthesised list, to be taken apart in turn."""
        return Arguments(self.list_(), utf8=self._utf8)

    def words(self) -> list[str]:
        """Take a parenthesised list of atoms, in capitals."""
        inner = self.inner()
        return [inner.word() for _ in range(inner.left)]

    def number(self) -> int:
        """Take a number."""
        text = self.atom()
        if not re.fullmatch(r"[0-9]{1,19}", text):
            raise BadCommand("a number is missing")
        return int(text)

    def numbers(self) -> NumberSet:
        """Take a sequence set."""
        found = parse_set(self.atom())
        if found is None:
            raise BadCommand("a sequence set is missing")
        return found

    def mailbox(self) -> str:
        """Take a mailbox name, in Unicode."""
        try:
            return from_utf8(self.string()) if self._utf8 else from_wire(self.string())
        except NameRefused as failure:
            raise BadCommand(str(failure)) from failure

    def end(self) -> None:
        """Raise unless everything was taken."""
        if self.left:
            raise BadCommand("too many arguments")
