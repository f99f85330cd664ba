"""Servers for signing in alone: a scripted one, for what no server does on purpose, and Dovecot with less on offer."""

import re
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import trio
from trio.testing import memory_stream_pair

from bridge.model.peer import Peer
from bridge.model.settings import AccountSettings
from bridge.net import NetError, Stream
from bridge.upstream.signin import connect_upstream


@dataclass
class Told:
    """The server's end of one connection. Lines go without their CRLF."""

    stream: trio.abc.Stream
    heard: list[str] = field(default_factory=list)
    tag: str = ""
    _buffer: bytes = b""

    async def say(self, *lines: str) -> None:
        """Send lines; `{tag}` stands for the last command's."""
        for line in lines:
            await self.stream.send_all(line.replace("{tag}", self.tag).encode() + b"\r\n")

    async def challenge(self, text: str) -> str:
        """Send a challenge, and give what it was answered with, both without their base64."""
        await self.say(f"+ {b64encode(text.encode()).decode()}")
        answer = await self.line()
        return answer if answer == "*" else b64decode(answer).decode()

    async def line(self) -> str:
        """Wait for a line."""
        while b"\r\n" not in self._buffer:
            self._buffer += await self.stream.receive_some(4096) or b"\r\n"
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        self.heard.append(line.decode())
        return self.heard[-1]

    async def command(self) -> str:
        """Wait for a command, and give it without its tag."""
        self.tag, _, command = (await self.line()).partition(" ")
        return command


Play = Callable[[Told], Awaitable[None]]


@dataclass
class Scripted:
    """Connects to a server that plays `play` on each connection, then says OK to everything."""

    nursery: trio.Nursery
    offers: str
    play: Play
    connections: list[Told] = field(default_factory=list)

    async def connect(self, settings: AccountSettings, timeout: float) -> Stream:
        """Connect, as `connect_upstream` does."""
        near, far = memory_stream_pair()
        self.connections.append(Told(far))
        self.nursery.start_soon(self._serve, self.connections[-1])
        await trio.lowlevel.checkpoint()
        return Stream(near, Peer(settings.host, settings.port))

    async def _serve(self, told: Told) -> None:
        try:
            await told.say(f"* OK [CAPABILITY IMAP4rev1 {self.offers}] ready")
            await self.play(told)
            while (command := await told.command()) != "LOGOUT" and command:
                await told.say("{tag} OK [CAPABILITY IMAP4rev1] done")
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        await told.stream.aclose()

    @property
    def heard(self) -> list[str]:
        """What the clients said, on all connections."""
        return [line for told in self.connections for line in told.heard]


@dataclass
class Offering:
    """Connects to a real server, and leaves no `AUTH=` in what it says it can do but those named."""

    nursery: trio.Nursery
    mechanisms: set[bytes]
    initial: bool = True

    async def connect(self, settings: AccountSettings, timeout: float) -> Stream:
        """Connect, as `connect_upstream` does."""
        server = await connect_upstream(settings, timeout)
        near, far = memory_stream_pair()
        self.nursery.start_soon(self._relay, server, far)
        return Stream(near, Peer(settings.host, settings.port))

    async def _relay(self, server: Stream, far: trio.abc.Stream) -> None:
        try:
            async with trio.open_nursery() as both:
                both.start_soon(self._carry, server.receive_some, far.send_all, self._less)
                await self._carry(far.receive_some, server.send_all, lambda data: data)
                both.cancel_scope.cancel()
        finally:
            await far.aclose()
            await server.aclose()

    def _less(self, data: bytes) -> bytes:
        data = data if self.initial else data.replace(b" SASL-IR", b"")
        return re.sub(rb" AUTH=([A-Z0-9-]+)", lambda found: found[0] if found[1] in self.mechanisms else b"", data)

    async def _carry(
        self,
        receive: Callable[[], Awaitable[bytes | bytearray]],
        send: Callable[[bytes], Awaitable[None]],
        change: Callable[[bytes], bytes],
    ) -> None:
        try:
            while data := bytes(await receive()):
                await send(change(data))
        except (trio.BrokenResourceError, trio.ClosedResourceError, NetError):
            pass
