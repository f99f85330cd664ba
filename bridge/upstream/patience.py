"""How long a server is waited for."""

import trio

PROGRESS_OCTETS = 64 * 1024
"""Octets of a body that count as progress; less than that only when it ends the body."""


class Patience:
    """One deadline for a whole command; only what was asked for moves it, never chatter."""

    __slots__ = ("_octets", "_seconds", "deadline")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._octets = 0
        self.deadline = trio.current_time() + seconds

    def renew(self) -> None:
        """Something whole that was asked for has come: all the time again."""
        self._octets = 0
        self.deadline = trio.current_time() + self._seconds

    def took(self, octets: int) -> None:
        """Octets that were asked for have come: enough of them are progress, a trickle is not."""
        self._octets += octets
        if self._octets >= PROGRESS_OCTETS:
            self.renew()
