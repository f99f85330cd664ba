"""The lowest layer: a Trio stream that tells when the other side takes octets."""

import fcntl
import os
import socket
import struct
import termios
from collections.abc import Callable

import trio

RECEIVE = 65_536
"""Octets asked of the kernel at once, unless somebody wants less."""

DROPPED = 1024 * 1024
"""Octets of input dropped at once: beyond that, whoever sends so much fails at what comes next."""


def _nobody() -> None:
    """What hears of progress when nobody asked to."""


class Transport(trio.abc.HalfCloseableStream):
    """Wraps a Trio stream or a connected socket, below TLS. `on_taken` is called whenever the kernel took octets for
    the other side, so that a slow device can be told from a stuck one within one long `send_all`. `sent` counts them.
    """

    def __init__(self, raw: trio.abc.Stream | trio.socket.SocketType) -> None:
        self.on_taken: Callable[[], None] = _nobody
        self.receive_size = RECEIVE
        self.sent = 0
        sock = raw.socket if isinstance(raw, trio.SocketStream) else raw
        self._socket = sock if isinstance(sock, trio.socket.SocketType) else None
        self._raw = raw if isinstance(raw, trio.abc.Stream) else None
        self._more = False  # the last time there was as much as was asked for
        self._put_back = b""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send everything. Waits for the other side; cancelled, an unknown part was sent."""
        if self._socket is not None and data:
            await trio.lowlevel.checkpoint_if_cancelled()
            sent = self.send_now(data)
            if sent < len(data):
                await self._send_rest(self._socket, memoryview(data)[sent:])
        elif self._raw is not None:
            await self._raw.send_all(data)
            self._took(len(data))

    def send_now(self, data: bytes | bytearray | memoryview) -> int:
        """Send what the kernel takes at once, and give how many octets that are; 0 where that cannot be tried.

        Raises `OSError`, as the connection was lost.
        """
        if self._socket is None:
            return 0
        try:
            sent = os.write(self._socket.fileno(), data)
        except BlockingIOError:
            return 0
        self._took(sent)
        return sent

    def put_back(self, data: bytes) -> None:
        """Have octets that were received given again, before any that come."""
        self._put_back = data + self._put_back

    def drop_input(self) -> None:
        """Drop what has come from the other side by now, up to `DROPPED` octets."""
        left = DROPPED
        self._put_back = b""
        while self._socket is not None and left > 0:
            try:
                data = os.read(self._socket.fileno(), RECEIVE)
            except OSError:
                return
            if not data:
                return
            left -= len(data)

    async def _send_rest(self, sock: trio.socket.SocketType, rest: memoryview) -> None:
        while rest:
            await trio.lowlevel.wait_writable(_descriptor(sock))
            rest = rest[self.send_now(rest) :]

    def _took(self, octets: int) -> None:
        self.sent += octets
        self.on_taken()

    @property
    def confirmed(self) -> int:
        """How many of the octets sent the other side's kernel has confirmed; all of them where nobody can tell."""
        if self._socket is None:
            return self.sent
        try:
            waiting = fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, struct.pack("i", 0))
        except (OSError, ValueError):  # closed, or a kind of socket that does not count
            return self.sent
        return self.sent - int(struct.unpack("i", waiting)[0])

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the kernel may take octets."""
        if self._socket is not None:
            await trio.lowlevel.wait_writable(_descriptor(self._socket))
        elif self._raw is not None:
            await self._raw.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Give what has come, `b""` at the end. Raises `OSError`, as the connection was lost, and what Trio raises.

        It waits first, then reads: a device that waits for each reply has said nothing yet, and asking the kernel in
        vain costs more than to be woken. Only where there was more than was asked for it reads first.
        """
        limit, sock = max_bytes or self.receive_size, self._socket
        if self._put_back:
            await trio.lowlevel.checkpoint()
            data, self._put_back = self._put_back[:limit], self._put_back[limit:]
            return data
        if sock is None:
            return b"" if self._raw is None else await self._raw.receive_some(limit)
        if self._more:
            await trio.lowlevel.checkpoint_if_cancelled()
        while True:
            if not self._more:
                await trio.lowlevel.wait_readable(_descriptor(sock))
            try:
                data = os.read(_descriptor(sock), limit)
            except BlockingIOError:
                self._more = False
                continue
            if self._more:
                await trio.lowlevel.cancel_shielded_checkpoint()
            self._more = len(data) == limit
            return data

    async def send_eof(self) -> None:
        """Tell the other side that nothing more comes; receiving goes on."""
        if self._socket is not None:
            await trio.lowlevel.checkpoint_if_cancelled()
            self._socket.shutdown(socket.SHUT_WR)
        elif isinstance(self._raw, trio.abc.HalfCloseableStream):
            await self._raw.send_eof()

    async def aclose(self) -> None:
        """Close at once."""
        self.close()
        await trio.lowlevel.checkpoint()

    def close(self) -> None:
        """Close at once and wait for nothing."""
        if self._socket is not None:
            self._socket.close()
        elif isinstance(self._raw, trio.StapledStream):
            for half in (self._raw.send_stream, self._raw.receive_stream):
                if callable(shut := getattr(half, "close", None)):
                    shut()

    def set_option(self, level: int, option: int, value: int) -> None:
        """Set a socket option; does nothing where there is no socket, or the socket is past it."""
        if self._socket is not None:
            try:
                self._socket.setsockopt(level, option, value)
            except OSError:
                return


def _descriptor(sock: trio.socket.SocketType) -> int:
    """Give what to wait for. Raises `ClosedResourceError` for a socket that was closed here."""
    descriptor = sock.fileno()
    if descriptor < 0:
        raise trio.ClosedResourceError
    return descriptor
