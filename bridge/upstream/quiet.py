"""How long a server wants to be left alone, and why."""

import math
import time

import trio

from bridge.model.failures import UpstreamError, UpstreamUnavailable
from bridge.telemetry import get_logger

log = get_logger("upstream")

WORTH_TELLING = 60.0
"""Seconds by which a pause must grow to be told once more."""


class Quiet:
    """One account's pause. A server that asked for it is not connected to, whoever would have it asked meanwhile; where
    it throttles the account, it is asked for nothing over the connections there are, either.
    """

    def __init__(self, account: str) -> None:
        self.why = ""
        self._account = account
        self._until = -math.inf
        self._throttled_until = -math.inf

    @property
    def left(self) -> float:
        """Seconds that are left of the pause, 0 when there is none."""
        return max(0.0, self._until - trio.current_time())

    @property
    def until(self) -> float:
        """When it ends, in Unix seconds; 0 when there is none."""
        return time.time() + self.left if self.left else 0.0

    @property
    def throttled(self) -> bool:
        """True while nothing at all is to be asked."""
        return trio.current_time() < self._throttled_until

    def asked(self, failure: UpstreamError) -> None:
        """Keep to the pause that a failure tells of, if it does; a longer one stays."""
        if not isinstance(failure, UpstreamUnavailable) or isinstance(failure, Paused) or not failure.pause:
            return
        until = trio.current_time() + failure.pause
        if failure.throttled:
            self._throttled_until = max(self._throttled_until, until)
        if until <= self._until:
            return
        if not self.left or until > self._until + WORTH_TELLING:
            seconds = math.ceil(failure.pause)
            log.warning("upstream.paused", account=self._account, seconds=seconds, problem=str(failure))
        self._until, self.why = until, str(failure)

    def failure(self) -> "Paused":
        """Make the failure for whoever would ask meanwhile."""
        sentence = f"account {self._account}: its server wants to be left alone for another {math.ceil(self.left)} s"
        return Paused(self._account, sentence, self.left)

    def check(self) -> None:
        """Raise that failure while there is a pause."""
        if self.left:
            raise self.failure()


class Paused(UpstreamUnavailable):
    """The server was not asked, because it wants to be left alone."""
