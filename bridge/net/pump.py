"""The pump between a device and its session: reads a little ahead always, so that a dead device is seen while sending."""

import math
import ssl
from types import TracebackType

import trio

from bridge.net.errors import DeviceGone, DeviceIdle, NetError
from bridge.net.stream import Stream

READ_AHEAD = 8192
"""Octets of input held for a session: pipelined commands, never a flood."""

PIECE = 65536
"""Octets sent at once: each must be taken within the idle time."""


class DevicePump:
    """Owns the reading of one device's stream. Leaving the block stops the reader; the stream stays the caller's."""

    def __init__(self, stream: Stream, idle: float) -> None:
        self._stream = stream
        self._idle = idle
        self._buffer = bytearray()
        self._ended = False
        self._came = trio.Event()
        self._taken = trio.Event()
        self._manager = trio.open_nursery()
        self._reader = trio.CancelScope()
        self._sending = trio.CancelScope()
        self._reset = False

    async def __aenter__(self) -> "DevicePump":
        self._nursery = await self._manager.__aenter__()
        self._nursery.start_soon(self._read)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._nursery.cancel_scope.cancel()
        try:
            return await self._manager.__aexit__(kind, error, trace)
        except BaseExceptionGroup as group:
            if error is not None and group.exceptions == (error,):
                raise error from None
            raise

    async def _read(self) -> None:
        with self._reader:
            while not self._ended:
                while len(self._buffer) >= READ_AHEAD:
                    self._taken = trio.Event()
                    await self._taken.wait()
                await self._read_once()

    async def _read_once(self) -> None:
        try:
            data = await self._stream.receive_some(READ_AHEAD - len(self._buffer))
        except NetError:
            data, self._reset = b"", True
            self._sending.cancel()
        self._buffer += data
        self._ended = not data
        self._came.set()

    async def receive(self) -> bytes:
        """Give what has come; `b""` at the end. Raises `DeviceIdle` after the idle time without an octet."""
        if not self._buffer and not self._ended:
            self._came = trio.Event()
            with trio.move_on_after(self._idle):
                await self._came.wait()
            if not self._buffer and not self._ended:
                raise DeviceIdle("the device said nothing for too long")
        data = bytes(self._buffer)
        self._buffer.clear()
        self._taken.set()
        return data

    async def send(self, data: bytes) -> None:
        """Send everything. Raises `DeviceGone` when the device reset, or took nothing for the idle time."""
        view = memoryview(data)
        for at in range(0, len(data), PIECE):
            if self._reset:
                raise DeviceGone("the device reset the connection")
            with trio.CancelScope(deadline=trio.current_time() + self._idle) as self._sending:
                await self._stream.send_all(view[at : at + PIECE])
            if self._sending.cancelled_caught:
                raise DeviceGone("the device reset the connection" if self._reset else "the device takes nothing")

    async def start_tls(self, context: ssl.SSLContext, seconds: float) -> None:
        """Upgrade the stream; what was read before is dropped, so nothing said in clear counts inside TLS."""
        self._reader.cancel()
        await trio.lowlevel.checkpoint()
        self._buffer.clear()
        await self._stream.start_tls_server(context, seconds)
        self._reader = trio.CancelScope()
        self._ended = False
        self._nursery.start_soon(self._read)

    async def close(self) -> None:
        """Close after the last reply; waits at most a second."""
        self._reader.cancel()
        await self._stream.aclose()
        self._ended = True
        self._idle = math.inf
