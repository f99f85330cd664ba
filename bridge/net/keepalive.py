"""Socket options that find out about a dead other side."""

import socket
from typing import Protocol

IDLE = 60
"""Seconds of silence before the kernel asks whether the other side is still there."""

INTERVAL = 20
"""Seconds between such questions."""

COUNT = 3
"""Unanswered questions that end a connection: two minutes after the last sign of life."""


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


def give_up_after(options: Options, seconds: float) -> None:
    """Let sent octets stay unacknowledged, or a window closed, for at most so long (RFC 5482).

    The kernel counts a closed window too, so this must not be shorter than what a printer without paper may take.
    """
    options.set_option(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(min(seconds, 86_400) * 1000))
