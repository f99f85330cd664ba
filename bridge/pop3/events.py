"""What a device asked for: one event per command that needs an answer from the session."""

from dataclasses import dataclass
from typing import Literal

from bridge.model.names import MsgNum
from bridge.model.secret import Secret


@dataclass(frozen=True, slots=True)
class NeedData:
    """Nothing whole has arrived, or the open command is not answered yet."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The conversation is over: send what is queued, then close. `reason` is a word for the log."""

    reason: str


@dataclass(frozen=True, slots=True)
class Login:
    """A name and a password, by USER and PASS (RFC 1939 §7) or AUTH PLAIN (RFC 5034)."""

    name: str
    password: Secret
    mechanism: Literal["USER", "PLAIN"]


@dataclass(frozen=True, slots=True)
class StartTls:
    """STLS (RFC 2595 §4)."""


@dataclass(frozen=True, slots=True)
class Stat:
    """STAT."""


@dataclass(frozen=True, slots=True)
class List:
    """LIST, of one message or of all."""

    num: MsgNum | None


@dataclass(frozen=True, slots=True)
class UidlAsked:
    """UIDL, of one message or of all."""

    num: MsgNum | None


@dataclass(frozen=True, slots=True)
class Retr:
    """RETR."""

    num: MsgNum


@dataclass(frozen=True, slots=True)
class Top:
    """TOP: the header, the empty line, and `lines` lines of the body."""

    num: MsgNum
    lines: int


@dataclass(frozen=True, slots=True)
class Dele:
    """DELE."""

    num: MsgNum


@dataclass(frozen=True, slots=True)
class Last:
    """LAST (RFC 1460), which old devices still send."""


@dataclass(frozen=True, slots=True)
class Rset:
    """RSET."""


@dataclass(frozen=True, slots=True)
class Quit:
    """QUIT, in AUTHORIZATION or TRANSACTION."""


Event = NeedData | Closed | Login | StartTls | Stat | List | UidlAsked | Retr | Top | Dele | Last | Rset | Quit
