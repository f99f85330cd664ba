"""Who goes first on an account's connections."""

from enum import IntEnum


class Urgency(IntEnum):
    """What a request is for; the lower goes first."""

    WATCH = 0
    READ = 1
    CARRY_OUT = 2
    MEASURE = 3
    WAIT = 4
