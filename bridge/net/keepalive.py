"""Socket options: those that find out about a dead other side, and what every device's connection has."""

import contextlib
import socket
from typing import Protocol

import trio

IDLE = 60
"""Seconds of silence before the kernel asks whether the other side is still there."""

INTERVAL = 20
"""Seconds between such questions."""

COUNT = 3
"""Unanswered questions that end a connection: two minutes after the last sign of life."""


TCP_NOTSENT_LOWAT = 25
"""Linux's name for it (linux/tcp.h), which Python's socket module lacks before 3.12."""

UNSENT = 128 * 1024
"""Octets that the kernel takes for a device beyond what is on the wire: two pieces of a message, so that one goes out
whole while the next is made, and no more than that for a device that is slow.
"""


class Options(Protocol):
    """What takes socket options."""

    def set_option(self, level: int, option: int, value: int) -> None:
        """Set one, or do nothing where that is not possible."""
        ...


def keep_alive(options: Options) -> None:
    """Ask the other side now and then whether it is there: one that restarted answers with a reset."""
    options.set_option(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    options.set_option(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, IDLE)
    options.set_option(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, INTERVAL)
    options.set_option(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, COUNT)


class _Listening:
    """Sets options of a listening socket, where they can be set."""

    def __init__(self, sock: trio.socket.SocketType) -> None:
        self._socket = sock

    def set_option(self, level: int, option: int, value: int) -> None:
        with contextlib.suppress(OSError):
            self._socket.setsockopt(level, option, value)


def prepare_devices(listening: trio.socket.SocketType) -> None:
    """Set on a listening socket what every connection taken from it is to have: the kernel hands it on, so that a
    device that polls costs no call for it.
    """
    options = _Listening(listening)
    keep_alive(options)
    options.set_option(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    options.set_option(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT)


def give_up_after(options: Options, seconds: float) -> None:
    """Let sent octets stay unacknowledged, or a window closed, for at most so long (RFC 5482).

    The kernel counts a closed window too, so this must not be shorter than what a printer without paper may take.
    """
    options.set_option(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(min(seconds, 86_400) * 1000))
