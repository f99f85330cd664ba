"""The replies of the former server, out of whatever pieces they come in, with limits and deadlines."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import trio

from bridge.former.failures import FormerFailed
from bridge.net import NetError, Stream

LINE_LIMIT = 65_536
"""Octets of a line that are kept: what is longer is cut, since only headers of that length are of interest."""

STATUS_LIMIT = 8192
"""Octets of a status line: 16 times what RFC 1939 §3 allows."""

PROGRESS = 65_536
"""Octets that have to come within one deadline, or the reply's end."""


class Refused(FormerFailed):
    """The server said no to one command. `str()` is its own text."""


class Replies:
    """Reads replies off a stream. Each wait for a reply ends after `seconds` without progress.

    All methods raise `FormerFailed`; then the connection is of no more use, except after `Refused`.
    """

    def __init__(self, stream: Stream, seconds: float) -> None:
        self.stream = stream
        self._seconds = seconds
        self._lines: deque[bytes] = deque()
        self._rest = b""
        self._came = 0

    @property
    def pending(self) -> bool:
        """True when octets came that no reply was asked for of."""
        return bool(self._lines or self._rest)

    async def status(self) -> str:
        """Give the text of a positive status line. Raises `Refused` with the text of a negative one."""
        with self._deadline() as waiting:
            line = await self._line(waiting)
        indicator, _, text = line[:STATUS_LIMIT].decode("utf-8", "replace").partition(" ")
        match indicator.upper():
            case "+OK":
                return text
            case "-ERR":
                raise Refused(text or "no reason given")
            case _:
                raise FormerFailed(f"{self.stream.peer} does not speak POP3")

    async def block(self, take: Callable[[bytes], None]) -> None:
        """Hand on each line of a reply's block, without its end and its stuffed dot, up to the line of a dot alone."""
        with self._deadline() as waiting:
            while (line := await self._line(waiting)) != b".":
                take(line[1:] if line.startswith(b".") else line)

    async def send(self, *commands: str) -> None:
        """Send commands, each a line."""
        # A password may be what a keyboard made: not UTF-8.
        octets = "".join(f"{command}\r\n" for command in commands).encode("utf-8", "surrogateescape")
        with self._deadline():
            await self.stream.send_all(octets)

    @contextmanager
    def _deadline(self) -> Iterator[trio.CancelScope]:
        try:
            with trio.fail_after(self._seconds) as waiting:
                yield waiting
        except trio.TooSlowError as failure:
            raise FormerFailed(f"{self.stream.peer} did not answer within {self._seconds:g} s") from failure
        except NetError as failure:
            raise FormerFailed(f"the connection to the former server broke: {failure}") from failure

    async def _line(self, waiting: trio.CancelScope) -> bytes:
        while not self._lines:
            await self._receive(waiting)
        return self._lines.popleft().rstrip(b"\r")

    async def _receive(self, waiting: trio.CancelScope) -> None:
        data = await self.stream.receive_some()
        if not data:
            raise FormerFailed(f"{self.stream.peer} closed the connection")
        self._came += len(data)
        if self._came >= PROGRESS:
            self._came = 0
            waiting.deadline = trio.current_time() + self._seconds
        *ended, rest = data.split(b"\n")
        if ended:
            ended[0] = self._rest + ended[0]
            self._rest = b""
            self._lines.extend(line[:LINE_LIMIT] for line in ended)
        self._rest = (self._rest + rest)[:LINE_LIMIT]
