"""Lists of numbers that are longer than a line may be: read a piece at a time, and kept as ranges.

A server that has a million messages may name each of them in one line. As octets, words and numbers that would take
hundreds of megabytes; as ranges it takes eight octets for each.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from bridge.imap import responses
from bridge.imap.errors import ImapProtocolError
from bridge.imap.events import Response, SearchFound, Vanished
from bridge.imap.limits import LATE_RANGES, NUMBER_LINE_OCTETS, RANGES, TAIL_OCTETS
from bridge.imap.sets import Gathered, UidSet
from bridge.imap.tokens import Tree

_HEAD: Final = re.compile(
    rb"\* (?:(SEARCH)|(VANISHED)(?: +\(EARLIER\))? +(?=[0-9])|(ESEARCH)(?: [^\r\n]{0,200}?)? ALL +(?=[0-9]))",
    re.IGNORECASE,
)
_ENDS: Final[Mapping[bytes, re.Pattern[bytes]]] = {
    b"SEARCH": re.compile(rb"[^0-9 ]"),
    b"VANISHED": re.compile(rb"[^0-9:,]"),
    b"ESEARCH": re.compile(rb"[^0-9:,]"),
}


def begins(line: bytes) -> bool:
    """Tell whether a line is one that may be longer than others, by its first octets."""
    return _BEGINS.match(line) is not None


_BEGINS: Final = re.compile(rb"\* (?:E?SEARCH|VANISHED) ", re.IGNORECASE)


class Numbers:
    """One SEARCH, ESEARCH or VANISHED response, `feed` it pieces that end where a number does; `finish` gives it.

    Both raise `ImapProtocolError`, for what is no such list or goes beyond a limit.
    """

    def __init__(self) -> None:
        self._word = b""
        self._head = b""
        self._tail = b""
        self._octets = 0
        self._unfinished = False
        self._found = Gathered()

    @property
    def held(self) -> int:
        """Octets that are kept."""
        return min(self._octets, len(self._head) + len(self._tail) + 8 * self._found.ranges)

    def feed(self, piece: bytes) -> None:
        """Take the next piece of the line."""
        self._octets += len(piece)
        if self._octets > NUMBER_LINE_OCTETS:
            raise too_long()
        if not self._word:
            piece = self._begin(piece)
        end = None if self._tail else _ENDS[self._word].search(piece)
        numbers, rest = (b"", piece) if self._tail else (piece, b"") if end is None else _cut(piece, end.start())
        if numbers:
            self._unfinished = numbers.endswith(b",")
            self._found.add(_read(numbers, words=self._word == b"SEARCH"))
            if self._found.ranges > RANGES or self._found.late > LATE_RANGES:
                raise too_long()
        self._tail += rest
        if len(self._tail) > TAIL_OCTETS:
            raise too_long()

    def _begin(self, piece: bytes) -> bytes:
        head = _HEAD.match(piece)
        if head is None:
            raise too_long()
        self._word, self._head = (head[1] or head[2] or head[3]).upper(), head[0]
        return piece[head.end() :]

    def finish(self) -> Response:
        """Give the response, its line being at its end."""
        if self._unfinished:
            raise ImapProtocolError("The server sent a set of message numbers that is none.")
        # What stands around the numbers is read as in a short line, with one number in their place.
        rest = self._head[len(b"* ") + len(self._word) :] + (b" 1 " if self._word == b"SEARCH" else b"1") + self._tail
        response = responses.from_line(self._word, rest)
        if response is None:
            tree = Tree()
            if tree.feed(rest) is not None:
                raise too_long()
            response = responses.from_tree(self._word, tree.root, utf8=False)
        assert isinstance(response, SearchFound | Vanished)
        return replace(response, uids=self._found.all())


def _cut(piece: bytes, at: int) -> tuple[bytes, bytes]:
    return piece[:at], piece[at:]


def _read(text: bytes, *, words: bool) -> UidSet:
    if not words:
        return UidSet.parse(text.removesuffix(b","))
    try:
        return UidSet.from_uids(map(int, text.split()))
    except ValueError as mistake:
        raise ImapProtocolError("The server sent a message number out of range.") from mistake


def too_long() -> ImapProtocolError:
    """Make the failure for a line that goes beyond a limit."""
    return ImapProtocolError("The server sent a line that is too long to be an answer.")
