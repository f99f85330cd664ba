"""How an account's connections are, for `status`."""

from dataclasses import dataclass
from typing import Literal

HealthState = Literal["connecting", "online", "offline", "needs sign-in"]


@dataclass(frozen=True, slots=True)
class AccountHealth:
    """How an account is now. `since` is when the state began, in Unix seconds; `note` is a sentence, or empty.

    `capabilities` are those of the last sign-in, in capitals; `connections` counts those open or being opened.
    """

    state: HealthState
    since: float
    note: str = ""
    capabilities: frozenset[str] = frozenset()
    connections: int = 0
