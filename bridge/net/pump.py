"""The pump between a device and its session: it waits for no longer than it should, and knows when all was quiet."""

import ssl
from types import TracebackType

import trio

from bridge.net.errors import DeviceGone, DeviceIdle, NetError
from bridge.net.keepalive import give_up_after
from bridge.net.stream import Stream

READ_AHEAD = 512
"""Octets of input taken at once from a device that fetches: 50 RETRs that are pipelined."""

LITTLE = 128
"""And from any other. Whoever floods gets as many answered at a turn, 25 commands in some 0.1 ms, and all others wait
so long."""

PIECE = 65_536
"""Octets handed to TLS at once: it keeps a second, encrypted copy of them."""

TLS_INPUT = 16_384
"""Octets taken from the wire at once under TLS, for the same reason; one record is as long."""

TURN = 65_536
"""Octets that may go out before other sessions get their turn, as long as the kernel takes all at once."""


RENEWED = 1.0
"""Seconds by which a deadline may be late: it is put off once a second rather than with each command, as that costs
more than all else that a pump does.
"""


class DevicePump:
    """`async with DevicePump(stream, idle) as pump`: one device's stream, with deadlines.

    `idle` is in seconds. When the device neither said nor took an octet for so long, the block is cancelled and ends
    with `DeviceIdle`, or with `DeviceGone` where a send was waiting. The stream stays the caller's. What a session
    needs to know of its device: `last_heard` is Trio's time of the last octet that came or was taken, `sending` is true
    while a send waits, `reply_outstanding` while the session is not waiting for input. It owns no task: a session that
    waits for its device hears of everything itself, and a send that waits hears from the kernel that the device was
    reset.
    """

    def __init__(self, stream: Stream, idle: float) -> None:
        self.last_heard = trio.current_time()
        self.sending = False
        self.reply_outstanding = True
        self._stream = stream
        self._idle = idle
        self._ended = False
        self._reset = False
        self._since_turn = 0
        self._silence = trio.CancelScope()
        self._until = 0.0

    async def __aenter__(self) -> "DevicePump":
        await trio.lowlevel.checkpoint_if_cancelled()
        self._stream.transport.on_taken = self._heard
        give_up_after(self._stream.transport, self._idle)
        self._until = self._silence.deadline = trio.current_time() + self._idle
        self._silence.__enter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        caught = self._silence.__exit__(kind, error, trace)
        if self._silence.cancelled_caught:
            if self.sending:
                raise DeviceGone(f"the device took nothing for {self._idle:g} s")
            raise DeviceIdle(f"the device said nothing for {self._idle:g} s")
        if kind is None:
            await trio.lowlevel.checkpoint_if_cancelled()
        return bool(caught)

    async def receive(self, *, unfinished: bool = False, fetching: bool = True) -> bytes:
        """Give what has come, at most 512 octets, or 128 of one that is not `fetching`; `b""` when the device ended its
        half, behind all it sent.

        `unfinished`: of a command, so that it puts nothing off. RFC 1939 §3 has a command reset the timer, not an octet
        of one. Waits. Raises `DeviceGone` when the device reset the connection, behind all it sent. Cancelled, nothing
        is lost.
        """
        if self._ended:
            await trio.lowlevel.checkpoint()
            if self._reset:
                raise DeviceGone("the device reset the connection")
            return b""
        self._since_turn = 0
        self.reply_outstanding = False
        try:
            data = await self._stream.receive_some(READ_AHEAD if fetching else LITTLE)
        except NetError as failure:
            self._ended = self._reset = True
            raise DeviceGone("the device reset the connection") from failure
        finally:
            self.reply_outstanding = True
        self._ended = not data
        if data and unfinished:
            self.last_heard = trio.current_time()
        elif data:
            self._heard()
        return data

    def _heard(self) -> None:
        """Note that the device said something, or that its side took octets: a slow device is as good as any while it
        takes some.
        """
        self.last_heard = now = trio.current_time()
        if self._until < now + self._idle:
            self._until = self._silence.deadline = now + self._idle + RENEWED

    async def send(self, data: bytes) -> None:
        """Send everything. Waits for the device; switches no task while the kernel takes all of it at once. An end of
        the device's half does not matter here.

        Raises `DeviceGone` when the device reset the connection. Failed or cancelled, an unknown part was sent, and the
        stream can only be closed.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._reset:
            raise DeviceGone("the device reset the connection")
        try:
            sent = self._stream.send_now(data)
            if sent < len(data):
                await self._send_rest(memoryview(data)[sent:])
            self._since_turn += len(data)
            if self._since_turn > TURN:
                self._since_turn = 0
                await trio.lowlevel.checkpoint()
        except NetError as failure:
            self.sending = False
            raise DeviceGone("the device closed the connection") from failure

    async def _send_rest(self, rest: memoryview) -> None:
        self.sending = True
        for at in range(0, len(rest), PIECE):
            await self._stream.send_all(rest[at : at + PIECE])
        self.sending = False

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

    def drop_input(self) -> None:
        """Drop what has come and nobody asked for: before the reply to STLS goes out (RFC 2595 §4)."""
        self._stream.transport.drop_input()

    async def start_tls(self, context: ssl.SSLContext, seconds: float) -> None:
        """Shake hands as the server, within `seconds`, behind the reply to STLS (RFC 2595 §4).

        What the device says in clear from here on is no handshake, and fails it. Raises `NetError`; failed or
        cancelled, the stream can only be closed.
        """
        self._stream.transport.receive_size = TLS_INPUT
        await self._stream.start_tls_server(context, seconds)

    async def close(self) -> None:
        """Close in good order behind the last reply, as `Stream.aclose`. Nothing more can be received or sent."""
        self._ended = True
        await self._stream.aclose()
