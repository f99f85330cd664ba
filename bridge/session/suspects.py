"""Addresses from which wrong passwords came, and those from which devices have logged in."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

import trio

REMEMBERED = 10_000
"""Addresses of each kind that are remembered, the latest: about 2 MB."""

FORGOTTEN_AFTER = 600.0
"""Seconds without a wrong password after which an address is like any other."""

FIRST_PAUSE = 0.25
"""Seconds that the answer to the first wrong password is held back; each further one doubles it."""

LONGEST_PAUSE = 2.0
"""Seconds at most. An address may have 20 connections, so that is some 10 guesses a second from one address; a device
whose password is wrong for now still hears so long before it gives up."""

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
    """Counts wrong passwords by address, as `peer_group` gives it."""

    def __init__(self) -> None:
        self._failures: Latest[str, tuple[int, float]] = Latest()

    def failures(self, group: str) -> int:
        """Give how many wrong passwords came from there lately."""
        count, last = self._failures.get(group, (0, 0.0))
        return count if trio.current_time() < last + FORGOTTEN_AFTER else 0

    def failed(self, group: str) -> float:
        """Note a wrong password. Gives the seconds that its answer is to be held back."""
        count = self.failures(group) + 1
        self._failures.note(group, (count, trio.current_time()))
        return float(min(FIRST_PAUSE * 2 ** min(count - 1, 10), LONGEST_PAUSE))
