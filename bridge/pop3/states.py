"""The states of a POP3 session and which command is heard in which: the table of RFC 1939 §3."""

from collections.abc import Mapping
from enum import Enum


class State(Enum):
    """Where the conversation stands."""

    AUTHORIZATION = "AUTHORIZATION"
    TRANSACTION = "TRANSACTION"
    UPDATE = "UPDATE"
    CLOSED = "CLOSED"


A, T = frozenset({State.AUTHORIZATION}), frozenset({State.TRANSACTION})

HEARD: Mapping[bytes, frozenset[State]] = {
    b"USER": A,
    b"PASS": A,
    b"AUTH": A,
    b"STLS": A,
    b"CAPA": A | T,
    b"QUIT": A | T,
    b"STAT": T,
    b"LIST": T,
    b"UIDL": T,
    b"RETR": T,
    b"TOP": T,
    b"DELE": T,
    b"LAST": T,
    b"RSET": T,
    b"NOOP": T,
}
