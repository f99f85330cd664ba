"""A line with a delay between an account and its server, in the test's own loop: on a mock clock it takes no time."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio
from trio.testing import memory_stream_pair

from bridge.model.peer import Peer
from bridge.model.settings import AccountSettings
from bridge.net import NetError, Stream
from bridge.upstream.signin import connect_upstream

PIECE = 16_384
"""Octets that arrive at once."""


@dataclass
class Line:
    """Connections over it take `round_trip` seconds from a command to what it is answered with. `rate` is in octets a
    second, each way.
    """

    nursery: trio.Nursery
    round_trip: float
    rate: float = float("inf")
    servers: list[Stream] = field(default_factory=list)

    async def connect(self, settings: AccountSettings, timeout: float) -> Stream:
        """Connect to the server at the line's other end."""
        server = await connect_upstream(settings, timeout)
        self.servers.append(server)
        near, far = memory_stream_pair()
        self.nursery.start_soon(self._carry, server.receive_some, far.send_all, far.send_eof)
        self.nursery.start_soon(self._carry, far.receive_some, server.send_all, server.transport.send_eof)
        return Stream(near, Peer(settings.host, settings.port))

    async def _carry(
        self,
        receive: Callable[[], Awaitable[bytes | bytearray]],
        send: Callable[[bytes], Awaitable[None]],
        end: Callable[[], Awaitable[None]],
    ) -> None:
        under_way, arriving = trio.open_memory_channel[tuple[float, bytes]](float("inf"))

        async def deliver() -> None:
            async for due, data in arriving:
                await trio.sleep_until(due)
                await (send(data) if data else end())

        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(deliver)
                data, free = b"-", 0.0
                while data:
                    data = bytes(await receive())
                    for piece in [data[at : at + PIECE] for at in range(0, len(data), PIECE)] or [b""]:
                        free = max(free, trio.current_time()) + len(piece) / self.rate
                        under_way.send_nowait((free + self.round_trip / 2, piece))
                under_way.close()
        except* (NetError, OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            pass


@asynccontextmanager
async def line(round_trip: float, rate: float = float("inf")) -> AsyncIterator[Line]:
    """Give a line for the block."""
    async with trio.open_nursery() as nursery:
        made = Line(nursery, round_trip, rate)
        try:
            yield made
        finally:
            nursery.cancel_scope.cancel()
            for server in made.servers:
                server.abort()
