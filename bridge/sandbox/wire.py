"""Lines and literals from a stream, bounded, and output in pieces, each with a deadline."""

import re
import zlib
from collections.abc import Callable
from typing import NoReturn

import trio

from bridge.model.failures import BridgeError
from bridge.net import Stream
from bridge.sandbox.syntax import Literal, Part

LINE_LIMIT = 65_536
"""Octets of one command outside its literals."""

LITERAL_LIMIT = 65_536
"""Octets of one literal, except a message's."""

MESSAGE_LIMIT = 100_000_000
"""Octets of a literal of APPEND."""

LITERAL_MINUS = 4096
"""The largest literal that may be sent unasked under LITERAL- (RFC 7888 §5)."""

PIECE = 65_536
"""Octets sent at once."""

SEND_SECONDS = 120
"""How long the other end may take no octet."""

_MARK = re.compile(rb"\{([0-9]{1,10})(\+)?\}\Z")
_APPEND = re.compile(rb"[^ ]+ APPEND ", re.IGNORECASE)


class ConnectionOver(BridgeError):
    """The connection ends here: it was closed, took too long, or broke a limit or a script says so."""


class Wire:
    """One connection's octets. Output is kept until `flush`, or until there is much of it."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.pace: tuple[int, float] | None = None
        self.alter: Callable[[bytes], bytes] | None = None
        self._in = bytearray()
        self._out = bytearray()
        self._packer: zlib._Compress | None = None
        self._unpacker: zlib._Decompress | None = None

    async def command(self, seconds: float, unasked: int) -> list[Part] | None:
        """Read one whole command: texts and literals in their order; None when the connection ended.

        Asks for literals with `+`. A literal sent unasked may have `unasked` octets. Raises ConnectionOver when
        nothing whole came within `seconds`, and, after a BYE, beyond a limit.
        """
        parts = None
        with trio.move_on_after(seconds) as deadline:
            parts = await self._command(unasked)
        if deadline.cancelled_caught:
            await self.bye("nothing was said for too long")
        return parts

    async def _command(self, unasked: int) -> list[Part] | None:
        parts: list[Part] = []
        room = LINE_LIMIT
        while (line := await self.line(room)) is not None:
            room -= len(line)
            mark = _MARK.search(line)
            if mark is None:
                parts.append(line)
                return parts
            parts.append(line[: mark.start()])
            parts.append(Literal(await self._literal(int(mark[1]), mark[2] is not None, parts, unasked)))
        return None

    async def _literal(self, size: int, at_once: bool, parts: list[Part], unasked: int) -> bytes:
        append = isinstance(parts[0], bytes) and _APPEND.match(parts[0])
        if size > (MESSAGE_LIMIT if append else LITERAL_LIMIT):
            await self.bye("the literal is too large")
        if at_once and size > unasked:
            await self.bye("a literal was sent without asking")
        if not at_once:
            self.put(b"+ go on\r\n")
            await self.flush()
        while len(self._in) < size:
            await self._more()
        octets = bytes(self._in[:size])
        del self._in[:size]
        return octets

    async def line(self, limit: int = LINE_LIMIT) -> bytes | None:
        """Read up to CRLF, which is cut off; None when the connection ended."""
        seen = 0
        while (end := self._in.find(b"\r\n", max(0, seen - 1))) < 0:
            seen = len(self._in)
            if seen > limit:
                await self.bye("the line is too long")
            if not await self._more_or_end():
                return None
        if end > limit:
            await self.bye("the line is too long")
        line = bytes(self._in[:end])
        del self._in[: end + 2]
        return line

    async def answer(self, seconds: float) -> bytes:
        """Read the line that answers a continuation. Raises ConnectionOver where none comes within `seconds`."""
        line = None
        with trio.move_on_after(seconds):
            line = await self.line()
        if line is None:
            raise ConnectionOver("no answer came")
        return line

    async def _more(self) -> None:
        if not await self._more_or_end():
            raise ConnectionOver("the other end closed within a literal")

    async def _more_or_end(self) -> bool:
        data = await self.stream.receive_some()
        self._in += self._unpacked(data) if data and self._unpacker is not None else data
        return bool(data)

    @property
    def compressed(self) -> bool:
        """True once `compress` was called."""
        return self._unpacker is not None

    def compress(self) -> None:
        """From here on all is raw deflate, each way (RFC 4978 §3). What was queued must have been flushed."""
        self._packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        self._unpacker = zlib.decompressobj(wbits=-zlib.MAX_WBITS)

    def _unpacked(self, data: bytes) -> bytes:
        assert self._unpacker is not None
        try:
            # Not more than a message may have: what is behind that is not looked at.
            return self._unpacker.decompress(data, MESSAGE_LIMIT)
        except zlib.error as failure:
            raise ConnectionOver("what came is not packed as was agreed") from failure

    async def bye(self, text: str) -> NoReturn:
        """Say BYE and raise ConnectionOver."""
        self.put(f"* BYE {text}\r\n".encode())
        await self.flush()
        raise ConnectionOver(text)

    def forget_input(self) -> None:
        """Drop what came and was not read: before TLS (RFC 3501 §6.2.1)."""
        self._in.clear()

    def put(self, data: bytes) -> None:
        """Queue output."""
        self._out += data

    async def send(self, data: bytes) -> None:
        """Queue output, and send when there is much of it."""
        self._out += data
        if len(self._out) >= PIECE and self.alter is None:
            await self.flush()

    async def flush(self) -> None:
        """Send what is queued. Raises ConnectionOver when the other end takes nothing for too long."""
        data = bytes(self._out)
        self._out.clear()
        if self.alter is not None:
            data, self.alter = self.alter(data), None
        if data and self._packer is not None:
            data = self._packer.compress(data) + self._packer.flush(zlib.Z_SYNC_FLUSH)
        if self.pace is None:
            await self._send_pieces(data)
            return
        octets, every = self.pace
        for at in range(0, len(data), octets):
            await self._send_pieces(data[at : at + octets])
            await trio.sleep(every)

    async def _send_pieces(self, data: bytes) -> None:
        for at in range(0, len(data), PIECE):
            with trio.move_on_after(SEND_SECONDS) as deadline:
                await self.stream.send_all(data[at : at + PIECE])
            if deadline.cancelled_caught:
                raise ConnectionOver("the other end takes nothing")
