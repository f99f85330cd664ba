"""How long tokens are good, and when they are had anew: ahead of their end, and never again and again."""

from bridge.model.oauth import Tokens

AHEAD_SECONDS = 300.0
"""A token is had anew so long before its end, up to twice as long (by chance, so that accounts do not march in step);
one that lives for less than twenty minutes after three quarters of its life, or half of it. Our own.
"""

LAST_SECONDS = 30.0
"""With less than that left it is not begun with any more: a sign-in takes its time, and clocks differ a little."""

SPARED_SECONDS = (2.0, 60.0)
"""A token that was just had is good for half of its life, within these bounds, whatever the clock says: neither a clock
that is wrong nor a server that gives them for a moment causes a storm.
"""


class Term:
    """The term of one token. `wall` is in Unix seconds, `clock` in Trio's, which nobody sets. `chance` is from 0 to 1.

    One whose end is not told, or was over when it came, is used until it is refused.
    """

    def __init__(self, tokens: Tokens, wall: float, clock: float, chance: float, *, new: bool) -> None:
        left = tokens.expires_at - wall if tokens.expires_at else 0.0
        self._told = left > 0 or (bool(tokens.expires_at) and not new)
        self._ends = tokens.expires_at
        self._last = min(LAST_SECONDS, max(left, 0.0) / 8)
        ahead = min(AHEAD_SECONDS, max(left, 0.0) / 4) * (1 + chance)
        self._due = tokens.expires_at - ahead
        least, most = SPARED_SECONDS
        self._spared_until = clock + (max(least, min(left / 2, most)) if new else 0.0)

    def good(self, wall: float, clock: float) -> bool:
        """Tell whether the token can be signed in with."""
        return not self._told or clock < self._spared_until or wall < self._ends - self._last

    def due_in(self, wall: float, clock: float) -> float:
        """Give in how many seconds it should be had anew; infinitely many where nothing tells that it ends."""
        return max(self._due - wall, self._spared_until - clock, 0.0) if self._told else float("inf")
