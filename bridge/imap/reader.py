"""From octets to responses, one step at a time, without knowing which commands were sent."""

import re
from collections import deque
from dataclasses import dataclass, field
from typing import Final, Literal, cast

from bridge.imap import fetch, names, responses, resptext
from bridge.imap.errors import ImapProtocolError
from bridge.imap.events import (
    BodyBegin,
    BodyChunk,
    BodyEnd,
    Continuation,
    FetchedRows,
    Greeting,
    Response,
    Status,
    Tagged,
    Unknown,
)
from bridge.imap.limits import KEPT_OCTETS, LITERAL_OCTETS, MAX_U32
from bridge.imap.numbers import Numbers, begins
from bridge.imap.tokens import STREAMED, Node, Skipped, Tree
from bridge.imap.wire import Input

_NUMBERED: Final = re.compile(rb"\* ([0-9]{1,20}) ([A-Za-z0-9.-]+)")
_NAMED: Final = re.compile(rb"\* ([A-Za-z][A-Za-z0-9.-]*)")
_TAGGED: Final = re.compile(rb"([^\x00-\x20+*(){%\"\\\x7f]+) (OK|NO|BAD)(?: (.*))?", re.IGNORECASE | re.DOTALL)
_STATUS: Final = re.compile(rb"\* (OK|NO|BAD|BYE|PREAUTH)(?: (.*))?", re.IGNORECASE | re.DOTALL)
_HINTS: Final = ((b"220", "an SMTP"), (b"+OK", "a POP3"), (b"HTTP/", "a web"), (b"SSH-", "an SSH"))


@dataclass(slots=True)
class _Open:
    """A response whose end has not come: its name, its message number if it is a FETCH, what was read of it."""

    word: bytes
    seq: int
    content: Tree | Skipped
    kept: int = 0


@dataclass(slots=True)
class _Keeping:
    """A literal being kept: `left` octets are to come, of which those beyond `most` are let go."""

    left: int
    most: int
    octets: bytearray = field(default_factory=bytearray)

    @property
    def missing(self) -> int:
        """Octets that are to be kept and have not come."""
        return min(self.left, self.most - len(self.octets))


class Reader:
    """`feed` it, then take `next` until None. `utf8` says how mailbox names are written."""

    def __init__(self, *, fast: bool) -> None:
        self.utf8 = False
        self.body_left = 0
        self._input = Input()
        self._fast = fast
        self._greeted = False
        self._ready: deque[Response] = deque()
        self._open: _Open | None = None
        self._keeping: _Keeping | None = None
        self._numbers: Numbers | None = None

    @property
    def scanned(self) -> int:
        """Octets looked at so far, each time."""
        return self._input.scanned

    @property
    def held(self) -> int:
        """Octets that arrived and are not given yet: not read, or part of a response whose end has not come."""
        kept = self._open.kept + self._open.content.octets if self._open is not None else 0
        kept += self._numbers.held if self._numbers is not None else 0
        return len(self._input) + kept - (self._keeping.missing if self._keeping is not None else 0)

    @property
    def unread(self) -> bool:
        """True while anything has arrived that is not given yet, or a response is not at its end."""
        return bool(len(self._input) or self._ready or self._open or self._numbers)

    def feed(self, data: bytes) -> None:
        """Append what arrived."""
        self._input.feed(data)

    def give_back(self) -> bytes:
        """Take out again what arrived behind the last response given, unread."""
        return self._input.take(len(self._input))

    def next(self) -> Response | None:
        """Give the next response, or part of a body; None while nothing is whole. Raises `ImapProtocolError`."""
        while not self._ready:
            if not self._step():
                return None
        return self._ready.popleft()

    def _step(self) -> bool:
        if self.body_left:
            return self._stream()
        if self._keeping is not None:
            return self._keep(self._keeping)
        if self._numbers is not None:
            return self._long_list(self._numbers)
        if self._open is None and self._fast and self._greeted and (quick := self._quick()) is not None:
            self._ready.append(quick)
            return True
        return self._line()

    def _quick(self) -> Response | None:
        body = self._input.body()
        if body is None and (rows := self._input.rows()):
            return FetchedRows(rows)
        return body

    def _stream(self) -> bool:
        chunk = self._input.take(self.body_left)
        if not chunk:
            return False
        self.body_left -= len(chunk)
        self._ready.append(BodyChunk(chunk))
        if not self.body_left:
            self._ready.append(BodyEnd())
        return True

    def _keep(self, keeping: _Keeping) -> bool:
        chunk = self._input.take(keeping.left)
        keeping.left -= len(chunk)
        keeping.octets += chunk[: keeping.most - len(keeping.octets)]
        if keeping.left:
            return False
        assert self._open is not None
        self._open.content.put(bytes(keeping.octets))
        self._keeping = None
        return True

    def _long_list(self, numbers: Numbers) -> bool:
        found = self._input.piece()
        if found is None:
            return False
        piece, last = found
        numbers.feed(piece)
        if last:
            self._numbers = None
            self._ready.append(numbers.finish())
        return True

    def _line(self) -> bool:
        if self._open is None and self._greeted and self._input.long and begins(self._input.beginning):
            self._numbers = Numbers()
            return True
        line = self._input.line()
        if line is None:
            return False
        if self._open is not None:
            self._go_on(self._open, line)
        elif not self._greeted:
            self._ready.append(_greeting(line))
            self._greeted = True
        elif line:  # some servers send an empty line too many
            self._begin(line)
        return True

    def _begin(self, line: bytes) -> None:
        if not line.startswith(b"* "):
            self._ready.append(_tagged(line))
        elif status := _STATUS.fullmatch(line):
            self._ready.append(_status(status))
        elif counted := _NUMBERED.match(line):
            self._begin_numbered(counted, line)
        elif named := _NAMED.match(line):
            self._begin_named(named, line)
        else:
            raise ImapProtocolError("The server sent a line that is no IMAP response.")

    def _begin_numbered(self, head: re.Match[bytes], line: bytes) -> None:
        count, word, rest = int(head[1]), head[2].upper(), line[head.end() :]
        if count > MAX_U32:
            raise ImapProtocolError("The server sent a number out of range.")
        if word == b"FETCH":
            self._go_on(_Open(word, responses.nonzero(count), Tree()), rest)
        elif rest.strip(b" ") and word not in {b"EXISTS", b"EXPUNGE"}:
            self._go_on(_Open(word, 0, Skipped()), rest)
        elif rest.strip(b" "):
            raise ImapProtocolError("The server sent a line that is no IMAP response.")
        else:
            self._ready.append(responses.numbered(count, word))

    def _begin_named(self, head: re.Match[bytes], line: bytes) -> None:
        word, rest = head[1].upper(), line[head.end() :]
        response = responses.from_line(word, rest)
        if response is not None:
            self._ready.append(response)
        else:
            self._go_on(_Open(word, 0, Tree() if word in responses.TREES else Skipped()), rest)

    def _go_on(self, response: _Open, text: bytes) -> None:
        size = response.content.feed(text)
        if size is not None:
            self._open = response
            self._literal(response, size)
        else:
            self._open = None
            self._finish(response)

    def _literal(self, response: _Open, size: int) -> None:
        content = response.content
        section = fetch.section_ahead(content) if response.seq and isinstance(content, Tree) else None
        if section is not None and not section.kept and isinstance(content, Tree):
            self._begin_body(response.seq, content, section, size)
            return
        if size > LITERAL_OCTETS and section is None:
            raise ImapProtocolError("The server sent a string that is too long for what it is.")
        response.kept += min(size, LITERAL_OCTETS)
        if response.kept > KEPT_OCTETS:
            raise ImapProtocolError("The server sent a response that is too long to be an answer.")
        self._keeping = _Keeping(size, LITERAL_OCTETS)

    def _begin_body(self, seq: int, tree: Tree, section: fetch.Section, size: int) -> None:
        self._ready.append(BodyBegin(seq, fetch.uid_so_far(tree), section.text, section.origin, size))
        tree.put(STREAMED)
        self.body_left = size
        if not size:
            self._ready.append(BodyEnd())

    def _finish(self, response: _Open) -> None:
        match response.content:
            case Skipped():
                self._ready.append(Unknown(names.text(response.word)))
            case Tree() as tree if response.seq:
                self._ready.extend(fetch.events(response.seq, _items(tree)))
            case Tree() as tree:
                self._ready.append(responses.from_tree(response.word, tree.root, utf8=self.utf8))


def _items(tree: Tree) -> list[Node]:
    if len(tree.root) != 1 or not isinstance(tree.root[0], list):
        raise ImapProtocolError("The server sent a FETCH response that is not one list.")
    return tree.root[0]


def _greeting(line: bytes) -> Greeting:
    status = _STATUS.fullmatch(line)
    kind = status[1].upper().decode("ascii") if status else ""
    if status is None or kind in {"NO", "BAD"}:
        hint = next((f": it looks like {what} server" for start, what in _HINTS if line.startswith(start)), "")
        raise ImapProtocolError(f"The server does not greet as an IMAP server does{hint}. Is the port right?")
    code, text = resptext.parse(status[2] or b"")
    return Greeting(cast("Literal['OK', 'PREAUTH', 'BYE']", kind), code, text)


def _status(found: re.Match[bytes]) -> Response:
    kind = found[1].upper().decode("ascii")
    if kind == "PREAUTH":
        raise ImapProtocolError("The server greeted a second time.")
    code, text = resptext.parse(found[2] or b"")
    return Status(cast("Literal['OK', 'NO', 'BAD', 'BYE']", kind), code, text)


def _tagged(line: bytes) -> Response:
    if line.startswith(b"+"):
        return Continuation(names.text(line[1:]).strip())
    found = _TAGGED.fullmatch(line)
    if found is None:
        raise ImapProtocolError("The server sent a line that is no IMAP response.")
    code, text = resptext.parse(found[3] or b"")
    kind = cast("Literal['OK', 'NO', 'BAD']", found[2].upper().decode("ascii"))
    return Tagged(names.text(found[1]), kind, code, text)
