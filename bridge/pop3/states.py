"""The states of a POP3 session as two tables: what may be asked in each, and what leads from one to the next.

House rules: nothing else decides whether a command fits a state; nothing else moves a session to another one; what no
table holds is not allowed.
"""

from collections.abc import Mapping
from enum import Enum

from bridge.pop3.commands import Apop, Auth, Capa, Command, ListMechanisms, Noop, Pass, User
from bridge.pop3.events import Dele, Last, List, Quit, Retr, Rset, StartTls, Stat, Top, UidlAsked


class State(Enum):
    """Where a session is (RFC 1939 §3), and CLOSED when nothing more will be read."""

    AUTHORIZATION = "AUTHORIZATION"
    TRANSACTION = "TRANSACTION"
    UPDATE = "UPDATE"
    CLOSED = "CLOSED"


class Step(Enum):
    """What moves a session from one state to another."""

    LOGGED_IN = "logged in"
    QUIT_ASKED = "QUIT asked"
    ENDED = "ended"


COMMANDS: Mapping[State, frozenset[type[Command]]] = {
    State.AUTHORIZATION: frozenset({User, Pass, Auth, Apop, ListMechanisms, Capa, StartTls, Quit}),
    State.TRANSACTION: frozenset({Stat, List, UidlAsked, Retr, Top, Dele, Last, Rset, Noop, Capa, Quit}),
    State.UPDATE: frozenset(),
    State.CLOSED: frozenset(),
}

STEPS: Mapping[tuple[State, Step], State] = {
    (State.AUTHORIZATION, Step.LOGGED_IN): State.TRANSACTION,
    (State.AUTHORIZATION, Step.QUIT_ASKED): State.AUTHORIZATION,  # there is no maildrop to update
    (State.TRANSACTION, Step.QUIT_ASKED): State.UPDATE,
    (State.AUTHORIZATION, Step.ENDED): State.CLOSED,
    (State.TRANSACTION, Step.ENDED): State.CLOSED,
    (State.UPDATE, Step.ENDED): State.CLOSED,
    (State.CLOSED, Step.ENDED): State.CLOSED,
}
