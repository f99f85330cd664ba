"""What all readers of messages hold together, so that a crowd of slow devices fills no memory."""

from collections.abc import Hashable

PLENTY = 32 * 1024 * 1024
"""Octets that readers may hold or have asked for: 16 that hold all they may. Beyond that each asks for little: 100 slow
devices, each with a large message, hold 51 MB.
"""


class Stock:
    """Counts the octets of every text under way, of all accounts."""

    def __init__(self, plenty: int = PLENTY) -> None:
        self._plenty = plenty
        self._total = 0
        self._of: dict[Hashable, int] = {}

    @property
    def short(self) -> bool:
        """True while there is no room for more: then little is asked for at a time."""
        return self._total >= self._plenty

    def note(self, text: Hashable, octets: int) -> None:
        """Hear what one holds and has asked for by now; 0 when it is over."""
        self._total += octets - self._of.pop(text, 0)
        if octets:
            self._of[text] = octets
