"""Answers whatever a connection asks, so that any octets can be fed to it in any state."""

from collections.abc import Iterable
from itertools import count
from typing import assert_never

from bridge.pop3 import (
    AskSalt,
    Closed,
    Dele,
    Event,
    Features,
    Last,
    List,
    Login,
    NeedData,
    Pop3Connection,
    Prove,
    Proven,
    Quit,
    Request,
    Retr,
    Rset,
    StartTls,
    Stat,
    Top,
    UidlAsked,
    scan_lines,
    uidl_lines,
)
from bridge.sasl import ScramProof, timestamp

EVERY_WAY = ("PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5")
CLEAR = Features(tls=True, passwords=True, mechanisms=EVERY_WAY, apop=True)
ENCRYPTED = Features(tls=False, passwords=True, mechanisms=EVERY_WAY, apop=True)
MESSAGE = b"Subject: dots\r\n\r\n.\r\n..\r\nend\r\n"


def answer(connection: Pop3Connection, request: Request) -> None:
    """Give the reply a maildrop of two messages would give. One login in two is let in."""
    match request:
        case Login():
            if len(request.name) % 2:
                connection.login_accepted(2, 60)
            else:
                connection.login_refused("wrong login or password", "AUTH")
        case AskSalt():
            connection.salted(b"salt", 4096, "nonce")
        case Prove(ScramProof()):
            connection.proven(b"signature")
        case Prove() | Proven():
            connection.login_accepted(2, 60)
        case StartTls():
            connection.begin_tls()
            connection.tls_started(ENCRYPTED)
        case Stat():
            connection.stat(2, 60)
        case List(None) | UidlAsked(None):
            connection.begin_lines()
            connection.lines(
                scan_lines(1, [30, 30]) if isinstance(request, List) else uidl_lines(1, ["a" * 32, "b" * 32])
            )
            connection.end_lines()
        case List(num) if num is not None:
            connection.scan(num, 30)
        case UidlAsked(num) if num is not None:
            connection.unique_id(num, "a" * 32)
        case Retr() | Top():
            connection.begin_message()
            connection.message(MESSAGE)
            connection.end_message()
        case Dele() | Last() | Rset():
            connection.ok()
        case Quit():
            connection.quit_accepted()
        case List() | UidlAsked():
            raise AssertionError("both forms are above")
        case _:
            assert_never(request)


def connection(features: Features = CLEAR) -> Pop3Connection:
    """Give a connection that was greeted; its timestamps count up."""
    made = Pop3Connection(features, (timestamp(f"{n:x}", 0) for n in count()))
    made.greet()
    made.data_to_send()
    return made


class Heard:
    """What one connection made of what it was fed: `events` without NeedData, `sent`, and the most it ever held."""

    def __init__(self, connection: Pop3Connection) -> None:
        self.connection = connection
        self.events: list[Event] = []
        self.sent = b""
        self.fed = 0
        self.most_held = 0

    def feed(self, pieces: Iterable[bytes]) -> "Heard":
        """Feed pieces and answer everything they ask for."""
        for piece in pieces:
            self.fed += len(piece)
            self.connection.receive_data(piece)
            self._answer_all()
            self.most_held = max(self.most_held, self.connection.buffered)
        return self

    def end(self) -> "Heard":
        """Let the device close its side."""
        self.connection.receive_eof()
        self._answer_all()
        return self

    def _answer_all(self) -> None:
        while not isinstance(event := self.connection.next_event(), NeedData | Closed):
            self.events.append(event)
            answer(self.connection, event)
        if isinstance(event, Closed) and event not in self.events:
            self.events.append(event)
        self.sent += self.connection.data_to_send()
