"""The pump between a device and its session: always reads a little ahead, so a dead device is seen while sending."""

import ssl
from types import TracebackType

import trio

from bridge.net.errors import DeviceGone, DeviceIdle, NetError
from bridge.net.keepalive import give_up_after
from bridge.net.stream import Stream

READ_AHEAD = 8192
"""Octets of input held for a session: pipelined commands, never a flood (32 commands of RFC 2449 §4's length)."""

PIECE = 65_536
"""Octets handed to TLS at once: it keeps a second, encrypted copy of them."""

TLS_INPUT = 16_384
"""Octets taken from the wire at once under TLS, for the same reason; one record is as long."""


class DevicePump:
    """`async with DevicePump(stream, idle) as pump`: owns the reading of one device's stream.

    `idle` is in seconds. Leaving the block stops the reader; the stream stays the caller's. What a session needs
    to know of its device: `last_heard` is Trio's time of the last octet that came or was taken, `sending` is true
    while a send waits, `reply_outstanding` while the session is not waiting for input.
    """

    def __init__(self, stream: Stream, idle: float) -> None:
        self.last_heard = trio.current_time()
        self.sending = False
        self.reply_outstanding = True
        self._stream = stream
        self._idle = idle
        self._buffer = bytearray()
        self._before_reply = 0  # how much of the buffer came before the last reply began to go out
        self._ended = False
        self._reset = False
        self._came = trio.Event()
        self._room = trio.Event()
        self._manager = trio.open_nursery()
        self._reading = trio.CancelScope()
        self._stopped = trio.Event()
        self._send = trio.CancelScope()

    async def __aenter__(self) -> "DevicePump":
        self._stream.transport.on_taken = self._taken
        give_up_after(self._stream.transport, self._idle)
        self._nursery = await self._manager.__aenter__()
        self._start_reading()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._nursery.cancel_scope.cancel()
        try:
            return await self._manager.__aexit__(kind, error, trace)
        except BaseExceptionGroup as group:
            if error is not None and group.exceptions == (error,):
                return False  # the block's own exception, which callers know without the nursery's wrapping
            raise

    def _start_reading(self) -> None:
        self._reading = trio.CancelScope()
        self._stopped = trio.Event()
        self._nursery.start_soon(self._read, self._reading, self._stopped)

    async def _stop_reading(self) -> None:
        self._reading.cancel()
        await self._stopped.wait()

    async def _read(self, scope: trio.CancelScope, stopped: trio.Event) -> None:
        try:
            with scope:
                while not self._ended:
                    if len(self._buffer) < READ_AHEAD:
                        await self._read_once()
                    else:
                        self._room = trio.Event()
                        await self._room.wait()
        finally:
            stopped.set()

    async def _read_once(self) -> None:
        try:
            data = await self._stream.receive_some(READ_AHEAD - len(self._buffer))
        except NetError:
            data, self._reset = b"", True
            self._send.cancel()
        if data:
            self.last_heard = trio.current_time()
            self._buffer += data
        self._ended = not data
        self._came.set()

    async def receive(self) -> bytes:
        """Give what has come, at most 8 KiB; `b""` when the device ended its half, behind all it sent.

        Waits. Raises `DeviceIdle` after the idle time without an octet, `DeviceGone` when the device reset the
        connection, behind all it sent. Cancelled, nothing is lost.
        """
        if not self._buffer and not self._ended:
            await self._wait_for_input()
        if not self._buffer:
            self._check_reset()
        data = bytes(self._buffer)
        self._buffer.clear()
        self._before_reply = 0
        self._room.set()
        return data

    async def _wait_for_input(self) -> None:
        self._came = trio.Event()
        self.reply_outstanding = False
        try:
            with trio.move_on_after(self._idle):
                await self._came.wait()
        finally:
            self.reply_outstanding = True
        if not self._buffer and not self._ended:
            raise DeviceIdle(f"the device said nothing for {self._idle:g} s")

    def _taken(self) -> None:
        """Hear that the device's side took octets: a slow device is as good as any while it takes some."""
        self.last_heard = now = trio.current_time()
        self._send.deadline = now + self._idle

    async def send(self, data: bytes) -> None:
        """Send everything. Waits for the device. An end of the device's half does not matter here.

        Raises `DeviceGone` when the device reset the connection, or took no octet for the idle time. Failed or
        cancelled, an unknown part was sent, and the stream can only be closed.
        """
        self._check_reset()
        self.sending = True
        self._before_reply = len(self._buffer)
        try:
            with trio.CancelScope(deadline=trio.current_time() + self._idle) as self._send:
                await self._send_pieces(data)
        except NetError as failure:
            raise DeviceGone("the device closed the connection") from failure
        finally:
            self.sending = False
        if self._send.cancelled_caught:
            self._check_reset()
            raise DeviceGone(f"the device took nothing for {self._idle:g} s")

    @property
    def sent(self) -> int:
        """How many octets went out so far, as they are on the wire: with what TLS adds to them."""
        return self._stream.transport.sent

    @property
    def confirmed(self) -> int:
        """How many of those have arrived at the device's side. Still right when the connection is lost, until it is
        closed. Where a proxy is in between it is the proxy that confirms.
        """
        return self._stream.transport.confirmed

    def _check_reset(self) -> None:
        if self._reset:
            raise DeviceGone("the device reset the connection")

    async def _send_pieces(self, data: bytes) -> None:
        if len(data) <= PIECE:
            await self._stream.send_all(data)
            return
        view = memoryview(data)
        for at in range(0, len(data), PIECE):
            await self._stream.send_all(view[at : at + PIECE])

    async def start_tls(self, context: ssl.SSLContext, seconds: float) -> None:
        """Shake hands as the server, within `seconds`, behind the reply to STLS (RFC 2595 §4).

        What the device sent before that reply began to go out is dropped, so nothing said in clear counts inside
        TLS. What came later is the handshake, of which a quick device has sent the beginning by now: it goes to
        TLS and nowhere else. Raises `NetError`; failed or cancelled, the stream can only be closed.
        """
        await self._stop_reading()
        self._stream.transport.unread(bytes(self._buffer[self._before_reply :]))
        self._buffer.clear()
        self._before_reply = 0
        self._stream.transport.receive_size = TLS_INPUT
        await self._stream.start_tls_server(context, seconds)
        self._start_reading()

    async def close(self) -> None:
        """Close in good order behind the last reply, as `Stream.aclose`. Nothing more can be received or sent."""
        await self._stop_reading()
        self._ended = True
        await self._stream.aclose()
