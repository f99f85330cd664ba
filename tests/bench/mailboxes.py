"""The mailboxes that everything is measured with, and how they are filled: fast, and with the server's caches warm."""

import socket
from dataclasses import dataclass

from tests.bench.wire import Failed
from tests.support.dovecot import Dovecot

APPENDED_AT_ONCE = 4_000_000
"""Octets given to one APPEND of many messages (RFC 3502), as literals that need no leave (RFC 7888)."""

LINE = b"The quick brown fox jumps over the lazy dog, and the dog sleeps on. 0123\r\n"
DOTTED = b".This line begins with a dot, as one in fifty does here, and is stuffed.\r\n"
LINES = LINE * 24 + DOTTED + LINE * 25


@dataclass(frozen=True)
class Mailbox:
    """The INBOX of one user upstream: so many messages of exactly so many octets."""

    user: str
    messages: int
    octets: int

    @property
    def password(self) -> str:
        """Its user's password, upstream and at the peer."""
        return f"secret-of-{self.user}"


HUNDRED = Mailbox("hundred", 100, 8192)
MANY = Mailbox("many", 20_000, 8192)
HUGE = Mailbox("huge", 100_000, 2048)
MEGA = Mailbox("mega", 200, 1024 * 1024)
GIANT = Mailbox("giant", 3, 50 * 1024 * 1024)
NEWS = Mailbox("news", 100, 8192)
CROWD = tuple(Mailbox(f"crowd{number}", 100, 8192) for number in range(20))

MAILBOXES = (HUNDRED, MANY, HUGE, MEGA, GIANT, NEWS, *CROWD)
USERS = {mailbox.user: mailbox.password for mailbox in MAILBOXES}


def message(number: int, octets: int) -> bytes:
    """Give a message of exactly so many octets; no two numbers give the same."""
    head = (
        b"From: sender%d@example.org\r\nTo: reader@example.org\r\nSubject: message %d\r\n"
        b"Message-ID: <%d.%d@example.org>\r\nDate: Mon, 01 Jan 2024 10:%02d:%02d +0000\r\n\r\n"
    ) % (number % 97, number, number, octets, number // 60 % 60, number % 60)
    body = LINES * (octets // len(LINES) + 1)
    cut = (head + body)[: octets - 2]
    return (cut[:-1] + b"-" if cut.endswith(b"\r") else cut) + b"\r\n"


class Filler:
    """`with Filler(dovecot, mailbox, present) as filler:` a signed-in IMAP connection that writes to the mailbox.

    `present` is how many messages it has.
    """

    def __init__(self, dovecot: Dovecot, mailbox: Mailbox, present: int) -> None:
        self.present = present
        self._mailbox = mailbox
        self._next = present + 1
        self._socket = socket.create_connection((dovecot.host, dovecot.imap_port), timeout=300)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._input = self._socket.makefile("rb", 1024 * 1024)
        self._input.readline()
        self._command(b'LOGIN "%s" "%s"' % (mailbox.user.encode(), mailbox.password.encode()))

    def __enter__(self) -> "Filler":
        return self

    def __exit__(self, *_: object) -> None:
        self._input.close()
        self._socket.close()

    def _command(self, command: bytes) -> None:
        self._socket.sendall(b"x " + command + b"\r\n")
        while not (line := self._input.readline()).startswith(b"x "):
            if not line:
                raise Failed(f"{self._mailbox.user}: the connection was lost")
        if not line.startswith(b"x OK"):
            raise Failed(f"{self._mailbox.user}: {line.decode('latin-1').strip()}")

    def append(self, count: int) -> None:
        """Append the next `count` messages, as few at a time as APPENDED_AT_ONCE allows."""
        at_once = max(1, APPENDED_AT_ONCE // self._mailbox.octets)
        for first in range(self._next, self._next + count, at_once):
            numbers = range(first, min(first + at_once, self._next + count))
            literals = [b" {%d+}\r\n%s" % (self._mailbox.octets, message(n, self._mailbox.octets)) for n in numbers]
            self._command(b"APPEND INBOX" + b"".join(literals))
        self._next += count
        self.present += count

    def warm(self) -> None:
        """Have the server know what a listing asks for, as it would of messages that were ever listed."""
        self._command(b"EXAMINE INBOX")
        fields = b"BODY.PEEK[HEADER.FIELDS (MESSAGE-ID DATE FROM TO SUBJECT)]"
        self._command(b"FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE %s)" % fields)

    def expunge_from(self, first: int) -> None:
        """Remove the messages from number `first` on."""
        self._command(b"SELECT INBOX")
        self._command(b"STORE %d:* +FLAGS.SILENT (\\Deleted)" % first)
        self._command(b"EXPUNGE")
        self.present = first - 1


def fill(dovecot: Dovecot, mailbox: Mailbox) -> None:
    """Fill an empty mailbox."""
    with Filler(dovecot, mailbox, 0) as filler:
        filler.append(mailbox.messages)
        filler.warm()
