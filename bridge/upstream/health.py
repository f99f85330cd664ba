"""How an account's connections are, for `status`."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

HealthState = Literal["connecting", "online", "offline", "needs sign-in"]


@dataclass(frozen=True, slots=True)
class AccountHealth:
    """How an account is now. `since` is when the state began, in Unix seconds; `note` is a sentence, or empty.

    `capabilities` are those of the last sign-in, in capitals; `connections` counts those open or being opened, and
    `most` is how many there may be now: fewer than configured until `fewer_until`, if that is not 0. Until
    `paused_until`, if that is not 0, the server is left alone, and `paused_why` says why. `retried_at` is when a user
    and password that were refused are tried again: infinite for not by itself, None when they were not.
    """

    state: HealthState
    since: float
    note: str = ""
    capabilities: frozenset[str] = frozenset()
    connections: int = 0
    most: int = 0
    fewer_until: float = 0.0
    paused_until: float = 0.0
    paused_why: str = ""
    retried_at: float | None = None


class HealthRecord:
    """Keeps `AccountHealth` up to date."""

    def __init__(self) -> None:
        self._now = AccountHealth("connecting", time.time())

    def told(self, connections: int) -> AccountHealth:
        """Give the health with the number of connections that there are."""
        return replace(self._now, connections=connections)

    def signed_in(self, capabilities: Iterable[str]) -> None:
        """A connection was signed in."""
        self.turn("online", "")
        self._now = replace(self._now, capabilities=frozenset(capabilities))

    def turn(self, state: HealthState, note: str) -> None:
        """Enter a state; `since` stays when it is the state already."""
        since = self._now.since if state == self._now.state else time.time()
        self._now = replace(self._now, state=state, note=note, since=since)
