"""What a device asks for, as `Pop3Connection.next_event` gives it. Every event but two waits for exactly one reply."""

from dataclasses import dataclass
from typing import Literal

from bridge.model.names import MsgNum
from bridge.model.secret import Secret
from bridge.sasl import Proof, ScramHash

CloseReason = Literal[
    "quit",
    "update failed",
    "device closed",
    "refused",
    "wrong passwords",
    "too many bad commands",
    "too many commands",
    "line too long",
    "HTTP on a POP3 port",
    "TLS on a plain port",
    "PROXY header from a peer that proxy_protocol does not name",
]


@dataclass(frozen=True, slots=True)
class NeedData:
    """Nothing whole is left to do: send what is queued, then feed what the device sends next. Waits for no reply."""


@dataclass(frozen=True, slots=True)
class Closed:
    """It is over: send what is queued, then close. Given again at every further call. Waits for no reply."""

    reason: CloseReason


@dataclass(frozen=True, slots=True)
class Login:
    """USER with PASS, AUTH PLAIN or AUTH LOGIN: answer with `login_accepted` or `login_refused`.

    The name and the password are as sent, blanks included; octets that are not UTF-8 stand as surrogate escapes.
    """

    name: str
    password: Secret
    mechanism: Literal["USER", "PLAIN", "LOGIN"]


@dataclass(frozen=True, slots=True)
class AskSalt:
    """SCRAM wants to know what this login's password is hashed with: answer with `salted`, or `error`.

    There is an answer for each login, whether it exists or not, and always the same one.
    """

    name: str
    hash: ScramHash


@dataclass(frozen=True, slots=True)
class Prove:
    """CRAM-MD5, APOP or SCRAM: answer with `login_refused`, `login_accepted`, or for a SCRAM that is right `proven`."""

    proof: Proof


@dataclass(frozen=True, slots=True)
class Proven:
    """SCRAM is over, after `proven`: answer with `login_accepted` or `login_refused`."""


@dataclass(frozen=True, slots=True)
class StartTls:
    """STLS: answer with `begin_tls`, then upgrade, then `tls_started`; or with `error` (RFC 2595 §4)."""


@dataclass(frozen=True, slots=True)
class Stat:
    """STAT: answer with `stat`."""


@dataclass(frozen=True, slots=True)
class List:
    """LIST: answer with `scan` for one message; for all (`num` None) with `begin_lines`, `lines`…, `end_lines`."""

    num: MsgNum | None


@dataclass(frozen=True, slots=True)
class UidlAsked:
    """UIDL: answer with `unique_id` for one message; for all (`num` None) with lines, and never with `error`."""

    num: MsgNum | None


@dataclass(frozen=True, slots=True)
class Retr:
    """RETR: answer with `begin_message`, `message`…, `end_message`, or `error`."""

    num: MsgNum


@dataclass(frozen=True, slots=True)
class Top:
    """TOP: answered as RETR is, with the octets that `TopCut(lines)` leaves."""

    num: MsgNum
    lines: int


@dataclass(frozen=True, slots=True)
class Dele:
    """DELE: answer with `ok` or `error`."""

    num: MsgNum


@dataclass(frozen=True, slots=True)
class Last:
    """LAST, from RFC 1460: answer with `ok("n")`, the highest message-number the device has accessed, or 0."""


@dataclass(frozen=True, slots=True)
class Rset:
    """RSET: answer with `ok`."""


@dataclass(frozen=True, slots=True)
class Quit:
    """QUIT: answer with `quit_accepted` or `quit_refused`. Whatever else the device sends is ignored.

    In TRANSACTION the state is UPDATE by now; before a login it stays AUTHORIZATION and there is nothing to update.
    """


Request = Login | AskSalt | Prove | Proven | StartTls | Stat | List | UidlAsked | Retr | Top | Dele | Last | Rset | Quit
Event = NeedData | Closed | Request
