"""A running sandbox, and a raw line of it."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import trio

from bridge.sandbox import SandboxServer

LETTER = b"Subject: a letter\r\nFrom: anna@example.org\r\n\r\nHello\r\n"


class Raw:
    """One connection, spoken to in octets. Every wait is bounded by the test's own timeout."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self._buffer = b""
        self._number = 0

    async def line(self) -> bytes:
        """Give one line without its CRLF; `(end)` when the connection ended."""
        while b"\r\n" not in self._buffer:
            data = await self.stream.receive_some(65536)
            if not data:
                return b"(end)"
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    async def send(self, octets: bytes) -> None:
        await self.stream.send_all(octets)

    async def ask(self, command: bytes) -> list[bytes]:
        """Send a command and give every line up to and with its tagged one, the tag as `T`."""
        self._number += 1
        tag = b"t%d" % self._number
        await self.send(tag + b" " + command + b"\r\n")
        return await self.until(tag)

    async def until(self, tag: bytes) -> list[bytes]:
        """Give lines up to and with the one tagged so, or the end."""
        lines: list[bytes] = []
        while (line := await self.line()) != b"(end)":
            if line.startswith(tag + b" "):
                return [*lines, b"T" + line[len(tag) :]]
            lines.append(line)
        return [*lines, line]

    async def rest(self) -> bytes:
        """Read to the end; a reset counts as one."""
        pieces = [self._buffer]
        try:
            while data := await self.stream.receive_some(65536):
                pieces.append(bytes(data))
        except trio.BrokenResourceError:
            pieces.append(b"(reset)")
        return b"".join(pieces)

    async def start_tls(self, context: ssl.SSLContext) -> None:
        self.stream = trio.SSLStream(self.stream, context, server_hostname="localhost", https_compatible=True)
        await self.stream.do_handshake()


@asynccontextmanager
async def serving(server: SandboxServer) -> AsyncIterator[int]:
    """Run the server, give its port."""
    async with trio.open_nursery() as nursery:
        yield await nursery.start(partial(server.run))
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def connected(server: SandboxServer, *, login: bool = True, select: bytes = b"") -> AsyncIterator[Raw]:
    """Run the server and connect, as anna if `login`, with a mailbox open if `select`."""
    async with serving(server) as port, dial(port) as raw:
        await raw.line()
        if login:
            assert (await raw.ask(b"LOGIN anna secret"))[-1].startswith(b"T OK")
        if select:
            assert (await raw.ask(b"SELECT " + select))[-1].startswith(b"T OK")
        yield raw


@asynccontextmanager
async def dial(port: int) -> AsyncIterator[Raw]:
    """Connect, and read nothing yet."""
    raw = Raw(await trio.open_tcp_stream("127.0.0.1", port))
    try:
        yield raw
    finally:
        await trio.aclose_forcefully(raw.stream)


def with_anna(server: SandboxServer, *letters: bytes) -> SandboxServer:
    """Add anna and her letters."""
    server.add_user("anna", "secret")
    for letter in letters:
        server.deliver("anna", letter)
    return server
