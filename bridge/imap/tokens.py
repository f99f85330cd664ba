"""A response as a tree of words, strings and lists, built line by line with whatever literals stand between."""

import re
from typing import Final, final

from bridge.imap.errors import ImapProtocolError
from bridge.imap.limits import DEPTH, LINE_OCTETS, MAX_U63, NODES


@final
class Atom(bytes):
    """A bare word; a plain `bytes` is a string that was quoted or a literal. Sections are part of the word."""

    __slots__ = ()


Node = bytes | list["Node"]

STREAMED: Final = Atom(b"")
"""Stands where a body was that left as events."""

# Groups: 1 `(`, 2 `)`, 3 quoted, 4 literal, 5 word. Words are taken more freely than RFC 3501 §9 has them: 8-bit, `{`
# and specials where they cannot be mistaken.
_TOKEN: Final = re.compile(
    rb" +|(\()|(\))"
    rb'|"([^"\\\x00]*(?:\\["\\][^"\\\x00]*)*)"'
    rb"|~?\{([0-9]{1,20})\+?\}\Z"
    rb'|((?:BODY|BINARY)(?:\.[A-Z]+)?\[[^]"\x00]*(?:"[^"\\\x00]*(?:\\["\\][^"\\\x00]*)*"[^]"\x00]*)*\](?:<[0-9]{1,20}>)?'
    rb'|(?:[^\x00-\x20\x7f(){"]|\{(?![0-9]{1,20}\+?\}\Z))'
    rb'[^\x00-\x20\x7f(){"]*(?:\{(?![0-9]{1,20}\+?\}\Z)[^\x00-\x20\x7f(){"]*)*)',
    re.IGNORECASE,
)
_ESCAPED: Final = re.compile(rb'\\(["\\])')
_LITERAL_END: Final = re.compile(rb"\{([0-9]{1,20})\+?\}\Z")

_OPEN, _CLOSE, _QUOTED, _LITERAL = 1, 2, 3, 4


class Tree:
    """The nodes of one response. `top` is the innermost list still open, `depth` how deep it is, the root being 0."""

    def __init__(self) -> None:
        self.root: list[Node] = []
        self.top = self.root
        self._above: list[list[Node]] = []
        self._nodes = 0
        self._octets = 0

    @property
    def depth(self) -> int:
        """How many lists are open."""
        return len(self._above)

    @property
    def octets(self) -> int:
        """Octets read so far, literals aside."""
        return self._octets

    def feed(self, text: bytes) -> int | None:
        """Read one line. Gives the octets of the literal it announces, for which `put` is called; else it was the last.

        Raises `ImapProtocolError` for what is no response or goes beyond a limit.
        """
        self._count(text)
        at, end, match = 0, len(text), _TOKEN.match
        while at < end:
            token = match(text, at)
            if token is None:
                raise ImapProtocolError("The server sent a response that IMAP has no syntax for.")
            at = token.end()
            kind = token.lastindex
            if kind == _LITERAL:
                return literal_size(token[_LITERAL])
            if kind is not None:
                self._take(kind, token[kind])
        if self._above:
            raise ImapProtocolError("The server sent a response with a parenthesis left open.")
        return None

    def put(self, node: Node) -> None:
        """Append a value at the place reached."""
        self._nodes += 1
        if self._nodes > NODES:
            raise ImapProtocolError("The server sent a response of too many parts.")
        self.top.append(node)

    def _take(self, kind: int, text: bytes) -> None:
        if kind == _OPEN:
            self._descend()
        elif kind == _CLOSE:
            self._ascend()
        elif kind == _QUOTED:
            self.put(_ESCAPED.sub(rb"\1", text) if b"\\" in text else text)
        else:
            self.put(Atom(text))

    def _descend(self) -> None:
        if len(self._above) >= DEPTH:
            raise ImapProtocolError("The server sent a response nested too deeply.")
        inner: list[Node] = []
        self.put(inner)
        self._above.append(self.top)
        self.top = inner

    def _ascend(self) -> None:
        if not self._above:
            raise ImapProtocolError("The server sent a response with a parenthesis too many.")
        self.top = self._above.pop()

    def _count(self, text: bytes) -> None:
        self._octets += len(text) + 1
        if self._octets > LINE_OCTETS + 1:
            raise ImapProtocolError("The server sent a response that is too long to be an answer.")


class Skipped:
    """A response nobody knows, read past without looking into it, literals aside."""

    depth = 0
    octets = 0
    """Nothing is kept."""

    def __init__(self) -> None:
        self._octets = 0

    def feed(self, text: bytes) -> int | None:
        """As `Tree.feed`."""
        self._octets += len(text) + 1
        if self._octets > LINE_OCTETS + 1:
            raise ImapProtocolError("The server sent a response that is too long to be an answer.")
        announced = _LITERAL_END.search(text, max(0, len(text) - 24))
        return literal_size(announced[1]) if announced else None

    def put(self, node: Node) -> None:
        """Let the literal go."""


def literal_size(digits: bytes) -> int:
    """Read the size of a literal. Raises `ImapProtocolError` from 2**63 on (RFC 9051 §9, literal)."""
    size = int(digits)
    if size > MAX_U63:
        raise ImapProtocolError("The server announced a literal of an impossible size.")
    return size


def number(node: Node, most: int) -> int | None:
    """Read a word of digits; None for another node. Raises `ImapProtocolError` for more than `most`."""
    if not isinstance(node, Atom) or not node.isdigit():
        return None
    if len(node) > 20 or int(node) > most:
        raise ImapProtocolError("The server sent a number out of range.")
    return int(node)


def is_nil(node: Node) -> bool:
    """Tell whether a node is NIL, the word."""
    return isinstance(node, Atom) and node.upper() == b"NIL"
