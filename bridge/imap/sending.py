"""What goes out, and when: literals, AUTHENTICATE and IDLE wait for the server's `+` (RFC 9051 §5.5, §7.6)."""

from base64 import b64encode
from collections import deque
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from bridge.imap.commands import Command
from bridge.imap.encode import LiteralMode, segments
from bridge.imap.errors import ImapMisuse

_ALONE: Final = frozenset({"AUTHENTICATE", "STARTTLS", "COMPRESS", "IDLE"})


class _Idle(Enum):
    """Where an IDLE stands."""

    ASKED = auto()  # `+` has not come
    PUSHING = auto()  # `+` came: DONE may go
    UNWANTED = auto()  # the caller ended it before `+` came


@dataclass(slots=True)
class _Exchange:
    """The one command that leaves no room for others: AUTHENTICATE, STARTTLS, COMPRESS or IDLE."""

    tag: str
    command: Command
    challenged: bool = False
    idle: _Idle = _Idle.ASKED


class Sender:
    """Commands in, octets out. `literals` and `utf8` say how what is sent from now on is encoded."""

    def __init__(self) -> None:
        self.literals: LiteralMode = ""
        self.utf8 = False
        self._out = bytearray()
        self._waiting: deque[tuple[str, Command]] = deque()
        self._held_tag = ""
        self._held: deque[bytes] = deque()
        self._exchange: _Exchange | None = None

    @property
    def idling(self) -> bool:
        """True while an IDLE is open that the caller has not ended."""
        exchange = self._exchange
        return exchange is not None and exchange.command.handshake == "IDLE" and exchange.idle is not _Idle.UNWANTED

    def send(self, tag: str, command: Command) -> None:
        """Queue a command. Raises `ImapMisuse` while an exchange is open."""
        if self._exchange is not None:
            raise ImapMisuse(f"{command.name} cannot be sent while {self._exchange.command.name} is open")
        if command.handshake in _ALONE:
            self._exchange = _Exchange(tag, command)
        self._waiting.append((tag, command))
        self._flush()

    def unsent(self, tag: str) -> bool:
        """Tell whether nothing of a command was given out yet."""
        return any(waiting == tag for waiting, _ in self._waiting)

    def go_on(self) -> None:
        """The server said `+`."""
        if self._held:
            self._out += self._held.popleft()
            self._flush()
        elif self._exchange is not None:
            self._answer(self._exchange)

    def ended(self, tag: str) -> None:
        """The server ended a command: what is left of it is not sent."""
        if self._held_tag == tag:
            self._held.clear()
        if self._exchange is not None and self._exchange.tag == tag:
            self._exchange = None
        self._flush()

    def respond(self, response: bytes | None) -> None:
        """Answer the challenge of AUTHENTICATE, in base64; None cancels (RFC 9051 §6.2.2). Raises `ImapMisuse`."""
        exchange = self._exchange
        if exchange is None or not exchange.challenged:
            raise ImapMisuse("there is no challenge of AUTHENTICATE to respond to")
        exchange.challenged = False
        self._out += (b"*" if response is None else b64encode(response)) + b"\r\n"

    def end_idle(self) -> None:
        """Send DONE, now or when the server has said `+`."""
        exchange = self._exchange
        if exchange is None or exchange.command.handshake != "IDLE":
            return
        if exchange.idle is _Idle.PUSHING:
            self._done()
        else:
            exchange.idle = _Idle.UNWANTED

    def drain(self) -> bytes:
        """Give out what may be sent now."""
        out = bytes(self._out)
        self._out.clear()
        return out

    def _answer(self, exchange: _Exchange) -> None:
        if exchange.command.handshake == "AUTHENTICATE":
            exchange.challenged = True
        elif exchange.idle is _Idle.UNWANTED:
            self._done()
        else:
            exchange.idle = _Idle.PUSHING

    def _done(self) -> None:
        # The server no longer waits for DONE once it was sent, so the next command may follow (RFC 2177 §3).
        self._out += b"DONE\r\n"
        self._exchange = None

    def _flush(self) -> None:
        while self._waiting and not self._held:
            tag, command = self._waiting.popleft()
            line = (f"{tag} {command.name}".encode("ascii"), *command.parts, b"\r\n")
            first, *rest = segments(line, self.literals, utf8=self.utf8)
            self._out += first
            self._held_tag, self._held = tag, deque(rest)
