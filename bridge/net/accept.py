"""Taking connections off a listening socket, whatever happens to single ones."""

import errno
import math

import trio

from bridge.telemetry import get_logger

log = get_logger("net")

PAUSE = 0.5
"""Seconds to wait when the process has no descriptors left; connections that end give some back."""

SAID_AGAIN_AFTER = 60.0
"""Seconds between two lines in the log that say so: at the limit, each descriptor that is given back is taken at once.
"""

ONE_LOST = frozenset(
    {
        errno.ECONNABORTED,
        errno.EPROTO,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENONET,
        errno.EPERM,
    }
)
"""Errors of one connection that went before it was taken (accept(2)): the next is taken at once."""


class Accepting:
    """Wraps a listening socket; `name` is what the log calls it."""

    def __init__(self, sock: trio.socket.SocketType, name: str) -> None:
        self._socket = sock
        self._name = name
        self._quiet_until = -math.inf

    async def take(self) -> trio.socket.SocketType | None:
        """Wait for a connection; None once the socket is closed here. Raises nothing but `Cancelled`.

        Out of descriptors it says so, once a minute at most, and tries again after a pause until it works. Connections
        that exist are served meanwhile.
        """
        while True:
            try:
                sock, _ = await self._socket.accept()
            except trio.ClosedResourceError:
                return None
            except OSError as failure:
                if failure.errno == errno.EBADF:
                    return None
                await self._go_on(failure)
            else:
                return sock

    async def _go_on(self, failure: OSError) -> None:
        """Get over an accept that failed: without a pause the loop would spin, for what waits stays waiting."""
        if failure.errno in ONE_LOST:
            return
        if trio.current_time() >= self._quiet_until:
            log.error("listener.failing", address=self._name, problem=str(failure))
            self._quiet_until = trio.current_time() + SAID_AGAIN_AFTER
        await trio.sleep(PAUSE)

    def close(self) -> None:
        """Stop listening: new connections are refused, and a waiting `take` gives None."""
        self._socket.close()
