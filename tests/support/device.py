"""The plainest POP3 device: it takes what comes off the wire, octet by octet, and mends nothing."""

import contextlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.bridge_process import Door


class Refused(Exception):
    """The server answered -ERR; the text is its line."""


class Cut(Exception):
    """The server closed in the middle of a reply."""


class Device:
    """`with Device(door, ca) as device:` a connection past its greeting, with TLS as the door has it.

    `buffer` is the receive buffer in octets: a small one lets the server feel at once that a device is slow.
    """

    def __init__(self, door: Door, ca: Path | None = None, buffer: int = 0) -> None:
        with contextlib.ExitStack() as unless_greeted:
            raw = unless_greeted.enter_context(socket.socket())
            if buffer:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            raw.settimeout(60)
            raw.connect((door.host, door.port))
            self._ca = ca
            self._take(self._secure(raw) if door.tls == "implicit" else raw)
            unless_greeted.callback(self.drop)
            self.greeting = self._status()
            if door.tls == "starttls" and ca is not None:
                self.command("STLS")
                self.start_tls(ca)
            unless_greeted.pop_all()

    def start_tls(self, ca: Path) -> None:
        """Begin TLS on the connection as it is."""
        self._ca = ca
        self._take(self._secure(self._socket))

    def _secure(self, raw: socket.socket) -> socket.socket:
        context = ssl.create_default_context(cafile=str(self._ca))
        return context.wrap_socket(raw, server_hostname="localhost")

    def _take(self, connection: socket.socket) -> None:
        self._socket = connection
        self._input = connection.makefile("rb", 65536)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.drop()

    def drop(self) -> None:
        """Close without QUIT."""
        with contextlib.suppress(OSError):
            self._input.close()
            self._socket.close()

    def send(self, octets: bytes) -> None:
        """Send octets as they are."""
        self._socket.sendall(octets)

    def line(self) -> bytes:
        """Take one line, CRLF included."""
        line = self._input.readline()
        if not line.endswith(b"\n"):
            raise Cut(repr(line))
        return line

    def at_end(self) -> bool:
        """Tell whether the server closed and sent nothing more."""
        return not self._input.read()

    def _status(self) -> str:
        line = self.line()
        assert line.endswith(b"\r\n"), line
        text = line.decode("ascii").removesuffix("\r\n")
        if not text.startswith("+OK"):
            raise Refused(text)
        return text.removeprefix("+OK").strip()

    def command(self, line: str) -> str:
        """Send one command and give the text behind its `+OK`; raise `Refused` on `-ERR`."""
        self.send(line.encode() + b"\r\n")
        return self._status()

    def body(self, line: str) -> Iterator[bytes]:
        """Send a command and give the lines of its multi-line reply as they come, unstuffed."""
        self.command(line)
        while (each := self.line()) != b".\r\n":
            yield each.removeprefix(b".") if each.startswith(b".") else each

    def login(self, name: str, password: str) -> None:
        """Log in with USER and PASS."""
        self.command(f"USER {name}")
        self.command(f"PASS {password}")

    def stat(self) -> tuple[int, int]:
        """Give messages and octets."""
        count, octets = self.command("STAT").split()[:2]
        return int(count), int(octets)

    def sizes(self) -> dict[int, int]:
        """Give LIST: octets by message-number."""
        return {int(number): int(size) for number, size in (line.split() for line in self.body("LIST"))}

    def unique_ids(self) -> dict[int, str]:
        """Give UIDL: unique-ids by message-number."""
        return {int(number): uidl.decode() for number, uidl in (line.split() for line in self.body("UIDL"))}

    def retr(self, number: int) -> bytes:
        """Give one message, exactly as sent, unstuffed."""
        return b"".join(self.body(f"RETR {number}"))

    def top(self, number: int, lines: int) -> bytes:
        """Give the beginning of one message."""
        return b"".join(self.body(f"TOP {number} {lines}"))

    def quit(self) -> str:
        """End the session properly and give the reply's text."""
        text = self.command("QUIT")
        self.drop()
        return text
