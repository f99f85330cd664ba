"""Addresses from which wrong passwords came, logins they were for, and from where devices have logged in."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

import trio

REMEMBERED = 10_000
"""Addresses and logins of each kind that are remembered, the latest: about 2 MB."""

FORGOTTEN_AFTER = 600.0
"""Seconds without a wrong password after which an address is like any other."""

FIRST_PAUSE = 0.25
"""Seconds that the answer to the first wrong password is held back; each further one doubles it."""

LONGEST_PAUSE = 2.0
"""Seconds at most. An address is answered one after the other, on however many connections it asks: so it gets a guess
every two seconds. A device whose password is wrong for now still hears so before it gives up."""

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Latest(OrderedDict[Key, Value], Generic[Key, Value]):
    """A dictionary of the latest `REMEMBERED` entries."""

    def note(self, key: Key, value: Value) -> None:
        """Add or renew an entry."""
        self[key] = value
        self.move_to_end(key)
        while len(self) > REMEMBERED:
            self.popitem(last=False)


class Suspects:
    """Counts wrong passwords by address, as `peer_group` gives it, and by the login that they were for."""

    def __init__(self) -> None:
        self._failures: Latest[str | int, tuple[int, float]] = Latest()
        self._answered: Latest[str, float] = Latest()

    def failures(self, group: str) -> int:
        """Give how many wrong passwords came from there lately."""
        return self._count(group)

    def failed(self, group: str, login: str) -> float:
        """Note a wrong password. Gives the seconds that its answer is to be held back.

        That is a pause behind the last answer to its address, or from now on, whichever is later. The pause is the
        longer for each failure of its address, or of its login from wherever. It is for whoever gives a wrong password
        alone: no right one waits, so that nobody keeps an owner out by guessing.
        """
        now = trio.current_time()
        failures = max(self._note(group, now), self._note(hash(login), now))  # a login may be long
        pause = min(FIRST_PAUSE * 2 ** min(failures - 1, 10), LONGEST_PAUSE)
        at = max(self._answered.get(group, now), now) + pause
        self._answered.note(group, at)
        return float(at - now)

    def _note(self, key: str | int, now: float) -> int:
        count = self._count(key) + 1
        self._failures.note(key, (count, now))
        return count

    def _count(self, key: str | int) -> int:
        count, last = self._failures.get(key, (0, 0.0))
        return count if trio.current_time() < last + FORGOTTEN_AFTER else 0
