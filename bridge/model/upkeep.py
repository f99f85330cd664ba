"""What is kept of an account's server over restarts: that it refused a password, and how much was fetched of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Refusal:
    """A user and password that a server did not take: when last (Unix seconds), and how often in a row.

    `definite` where the server said that it is them. `sentence` is what was told of it, without secrets.
    """

    definite: bool
    tries: int
    at: float
    sentence: str


class Used(NamedTuple):
    """What was used of a server: octets fetched, connections opened."""

    octets: int = 0
    connections: int = 0


Hours = Mapping[int, Used]
"""What was used in each hour, counted in hours since 1970."""
