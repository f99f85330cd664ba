"""The leanest POP3 device and IMAP reader: raw sockets, one large buffer, no octet looked at twice.

They are not to be the bottleneck of what they measure, so they mend nothing and parse next to nothing: a multi-line
reply ends where CRLF, a dot and CRLF stand, which byte-stuffing keeps out of every message.
"""

import socket
import time
from dataclasses import dataclass
from typing import Self

END = b"\r\n.\r\n"
BUFFER = 1024 * 1024
PATIENCE = 900.0
"""Seconds without an octet until a measurement fails: a first listing of a large mailbox may be silent for long."""


class Failed(Exception):
    """The server said something else than what is measured; the text is what."""


def source_address(number: int) -> str:
    """Give the address of device `number`: each has its own in 127.0.0.0/8, as devices have."""
    return f"127.1.{number // 250}.{number % 250 + 1}"


@dataclass(frozen=True)
class Login:
    """Where a device goes and as whom; `source` is the address it comes from, `patience` in seconds for each wait."""

    host: str
    port: int
    name: str
    password: str
    source: str = "127.0.0.1"
    patience: float = PATIENCE

    def connect(self) -> socket.socket:
        """Connect, without waiting for the greeting."""
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # The port is chosen at the connect, so that one address can be used for many connections.
        sock.setsockopt(socket.IPPROTO_IP, getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24), 1)
        sock.bind((self.source, 0))
        sock.settimeout(self.patience)
        sock.connect((self.host, self.port))
        return sock


class Pop3:
    """`with Pop3(login) as pop3:` one session past its greeting."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._buffer = bytearray(BUFFER)
        self._view = memoryview(self._buffer)
        self._socket = login.connect()
        self._line()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _receive(self, at: int = 0) -> int:
        count = self._socket.recv_into(self._view[at:])
        if not count:
            raise Failed("the server closed")
        return count

    def _receive_ok(self) -> int:
        count = self._receive()
        while count < 3:
            count += self._receive(count)
        if not self._buffer.startswith(b"+OK"):
            raise Failed(bytes(self._view[:count]).decode("latin-1").strip())
        return count

    def _line(self) -> bytes:
        have = self._receive_ok()
        while self._buffer[have - 1] != 10:
            have += self._receive(have)
        return bytes(self._view[:have])

    def command(self, line: bytes) -> bytes:
        """Send a command and give the line it is answered with."""
        self._socket.sendall(line + b"\r\n")
        return self._line()

    def log_in(self) -> None:
        """Send USER and PASS, each after the answer to the one before."""
        self.command(b"USER " + self._login.name.encode())
        self.command(b"PASS " + self._login.password.encode())

    def stat(self) -> int:
        """Give how many messages there are."""
        return int(self.command(b"STAT").split()[1])

    def listing(self, command: bytes) -> bytes:
        """Send a command with a multi-line answer and give all of it."""
        self._socket.sendall(command + b"\r\n")
        parts = [bytes(self._view[: self._receive_ok()])]
        tail = parts[0][-5:]
        while tail != END:
            parts.append(bytes(self._view[: self._receive()]))
            tail = (tail + parts[-1][-5:])[-5:]
        return b"".join(parts)

    def retrieve(self, number: int) -> int:
        """Fetch one message and give the octets of the answer."""
        self._socket.sendall(b"RETR %d\r\n" % number)
        count = octets = self._receive_ok()
        tail = bytes(self._view[max(0, count - 5) : count])
        while tail != END:
            count = self._receive()
            octets += count
            tail = (tail + bytes(self._view[max(0, count - 5) : count]))[-5:]
        return octets

    def retrieve_each(self, numbers: range, until: float) -> tuple[int, int]:
        """Fetch one after another, until the clock says `until`. Gives messages and octets."""
        done = octets = 0
        for number in numbers:
            octets += self.retrieve(number)
            done += 1
            if time.perf_counter() > until:
                break
        return done, octets

    def retrieve_pipelined(self, numbers: range, until: float, outstanding: int) -> tuple[int, int]:
        """Fetch with so many commands outstanding, asking for no more after `until`. Gives messages and octets."""
        waiting = iter(numbers)
        asked = done = octets = 0
        keep = len(END) - 1  # of what came before, so that an end is found that came in two pieces
        self._view[:keep] = bytes(keep)
        while True:
            more = [
                b"RETR %d\r\n" % number for _, number in zip(range(outstanding - (asked - done)), waiting, strict=False)
            ]
            if more and time.perf_counter() < until:
                asked += len(more)
                self._socket.sendall(b"".join(more))
            if done == asked:
                return done, octets
            count = self._receive(keep)
            octets += count
            done += self._buffer.count(END, 0, keep + count)
            if self._buffer.find(b"-ERR", 0, keep + count) >= 0:
                raise Failed("a message was refused")
            self._view[:keep] = bytes(self._view[count : count + keep])

    def quit(self) -> None:
        """End the session properly."""
        self.command(b"QUIT")


def fetch_all(login: Login, first: int, last: int) -> tuple[int, float]:
    """Fetch messages by one IMAP command, on a connection made for it. Gives octets and seconds, the login included."""
    began = time.perf_counter()
    buffer = bytearray(BUFFER)
    view = memoryview(buffer)
    octets = 0
    with login.connect() as sock:
        _until(sock, b"* ")
        for command in (f'a LOGIN "{login.name}" "{login.password}"', "b EXAMINE INBOX"):
            sock.sendall(command.encode() + b"\r\n")
            _until(sock, command[:2].encode())
        sock.sendall(b"c FETCH %d:%d BODY.PEEK[]\r\n" % (first, last))
        tail = b""
        while b"\r\nc OK" not in tail:
            count = sock.recv_into(view)
            if not count or b"\r\nc NO" in tail or b"\r\nc BAD" in tail:
                raise Failed(tail.decode("latin-1"))
            octets += count
            tail = (tail + bytes(view[max(0, count - 200) : count]))[-200:]
    return octets, time.perf_counter() - began


def _until(sock: socket.socket, prefix: bytes) -> None:
    """Read until a line with this prefix has come; it must tell of success."""
    got = b"\r\n"
    while (at := got.find(b"\r\n" + prefix)) < 0 or got.find(b"\r\n", at + 2) < 0:
        data = sock.recv(65536)
        if not data:
            raise Failed("the server closed")
        got += data
    if not got.startswith(b"OK", at + 2 + len(prefix)):
        raise Failed(got.decode("latin-1"))
