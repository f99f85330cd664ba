"""When a password that a server refused is tried again."""

import math
import time
from collections.abc import Callable

import trio

from bridge.model.failures import SignInNeeded, UpstreamLoginFailed
from bridge.model.upkeep import Refusal

UNCLEAR_PAUSES = (600.0, 3600.0, 6 * 3600.0)
"""Seconds until a password is tried again where the server did not say that it is wrong, the last ones again and again:
GMX, Exchange and their kin say the same while something of theirs is down. Some lock an account after a handful of
wrong ones within a quarter of an hour.
"""

SIGN_IN_PAUSE = 6 * 3600.0
"""The same while somebody has to sign in: an authorization server is asked for nothing that it refused, and hears of it
four times a day in case that it was a mistake of its own.
"""


class Refusals:
    """One account's. A definite refusal stands until `forget`: another try is one more that counts against the owner.

    `changed` is called with what is to be kept over a restart, None for nothing. `now` gives Unix seconds.
    """

    def __init__(self, account: str, now: Callable[[], float] = time.time) -> None:
        self.changed: Callable[[Refusal | None], None] = lambda refusal: None
        self._account = account
        self._now = now
        self._failure: UpstreamLoginFailed | None = None
        self._until = -math.inf
        self._tries = 0

    @property
    def standing(self) -> UpstreamLoginFailed | None:
        """What whoever asks now is told, None when the password may be tried."""
        return self._failure if trio.current_time() < self._until else None

    @property
    def retried_at(self) -> float | None:
        """When it is tried again, in Unix seconds; infinite for never, None when nothing was refused."""
        if self._failure is None:
            return None
        return self._now() + max(0.0, self._until - trio.current_time())

    def refused(self, failure: UpstreamLoginFailed, *, definite: bool) -> bool:
        """Take note of a refusal; tells whether it is news."""
        news = self._failure is None or str(self._failure) != str(failure)
        self._failure = failure
        self._tries += 1
        if isinstance(failure, SignInNeeded):
            self._until = trio.current_time() + SIGN_IN_PAUSE
        else:
            self._until = trio.current_time() + _pause(definite, self._tries)
            self.changed(Refusal(definite, self._tries, self._now(), str(failure)))
        return news

    def remember(self, refusal: Refusal) -> None:
        """Go on from what was kept of the same user and password."""
        self._failure = UpstreamLoginFailed(self._account, refusal.sentence)
        self._tries = refusal.tries
        pause = _pause(refusal.definite, refusal.tries)
        # A clock that was set back must not make it longer.
        left = min(pause, refusal.at + pause - self._now())
        self._until = trio.current_time() + left

    def forget(self) -> None:
        """The password was taken, or is to be tried whatever was: nothing is known against it."""
        if self._failure is not None:
            self._failure, self._tries, self._until = None, 0, -math.inf
            self.changed(None)


def _pause(definite: bool, tries: int) -> float:
    return math.inf if definite else UNCLEAR_PAUSES[min(tries, len(UNCLEAR_PAUSES)) - 1]
