"""How fast a connection brings what is asked for: on a slow one little is asked for at a time."""

LEAST_OCTETS = 256 * 1024
"""May be under way on any connection."""

SECONDS = 1.0
"""What is under way takes about so long, at most: another device that needs the connection waits for it."""

LOOK_OCTETS = 64 * 1024
"""Octets between two looks at the clock's sum."""

PAUSE = 0.05
"""Seconds between two arrivals beyond which nothing was sent, rather than slowly: a round trip is no slowness."""


class Pace:
    """Counts what arrives, and how long that takes."""

    __slots__ = ("_known", "_octets", "_rate", "_seconds")

    def __init__(self) -> None:
        self._octets = 0
        self._seconds = 0.0
        self._rate = 0.0
        self._known = False

    def took(self, octets: int, since: float) -> None:
        """Octets arrived, so many seconds after the ones before."""
        self._octets += octets
        self._seconds += min(since, PAUSE)
        if self._octets >= LOOK_OCTETS:
            # One arrival that came late says little: what was faster before is forgotten by halves.
            self._rate = max(self._octets / max(self._seconds, 1e-6), self._rate / 2)
            self._octets, self._seconds, self._known = 0, 0.0, True

    @property
    def room(self) -> float:
        """How many octets may be under way; any number while nothing is known."""
        if not self._known:
            return float("inf")
        return max(LEAST_OCTETS, self._rate * SECONDS)
