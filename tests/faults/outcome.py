"""What must come of faults, as docs/reliability.md lists it; each test module says it beside what it asserts."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """What a device hears (an owner, where that is who asks), the bound in time, and what is left."""

    hears: str
    within: str
    left: str
