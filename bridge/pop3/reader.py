"""Lines out of whatever pieces a device's octets come in, with limits. Each octet is looked at once here."""

from enum import Enum, auto

COMMAND_LIMIT = 255
"""Octets of a command line, its CRLF counted (RFC 2449 §4)."""

AUTH_LIMIT = 2048
"""Octets of a line that carries a response: more than PLAIN's three parts of 255 octets (RFC 4616 §2) are in base64."""

LIMITS = {b"LOGIN": 512, b"CRAM-MD5": 512, b"SCRAM-SHA-1": 4096, b"SCRAM-SHA-256": 4096}
"""The same for mechanisms that need less or more: a name of 255 octets, with a digest of 33; or twice in one message
with each octet spelled in three (RFC 5802 §5.1), and a nonce."""

CLOSE_LIMIT = 8192
"""Octets without a line end after which the device is not talking POP3: ours, 32 times the longest command."""

_HTTP = tuple(b"GET |POST |HEAD |PUT |OPTIONS |CONNECT |DELETE |PATCH |TRACE |PRI ".split(b"|"))
_TLS_HANDSHAKE = b"\x16"
_PROXY = (b"PROXY ", b"\r\n\r\n\0\r\nQUIT\n")
_AUTH = b"AUTH "


class Trouble(Enum):
    """Why there is no line. OVERLONG is over at its end; after any other nothing can be read any more."""

    OVERLONG = auto()
    ENDLESS = auto()
    HTTP = auto()
    TLS = auto()
    PROXY = auto()


class LineReader:
    """Cuts lines out of a stream. `scanned` counts the octets looked at so far, for the tests of its cost."""

    __slots__ = ("_at", "_buffer", "_first", "_seen", "scanned")

    def __init__(self) -> None:
        self._buffer = b""
        self._at = 0  # where in the buffer the next line begins
        self._seen = 0  # up to where it is known that there is no LF from there on
        self._first = True
        self.scanned = 0

    def __len__(self) -> int:
        return len(self._buffer) - self._at

    def feed(self, data: bytes) -> None:
        """Take what the device sent."""
        left = len(self._buffer) - self._at
        self._buffer = self._buffer[self._at :] + data if left else data
        self._seen -= self._at
        self._at = 0

    def clear(self) -> None:
        """Forget all that was fed, and that anything ever was."""
        self._buffer = b""
        self._at = self._seen = 0
        self._first = True

    def next_line(self, *, response: int = 0) -> bytes | Trouble | None:
        """Give the next line without its end (LF, with or without CRs before it), or None when there is none yet.

        `response`: the line is a SASL response rather than a command, and may have so many octets.
        """
        if self._at == len(self._buffer):
            self._buffer = b""
            self._at = self._seen = 0
            return None
        if self._first and (stranger := self._stranger()):
            return stranger
        end = self._buffer.find(b"\n", self._seen)
        self.scanned += (end + 1 if end >= 0 else len(self._buffer)) - self._seen
        if end < 0:
            self._seen = len(self._buffer)
            return Trouble.ENDLESS if len(self) > CLOSE_LIMIT else None
        if end - self._at > CLOSE_LIMIT:
            return Trouble.ENDLESS
        return self._take(end, response)

    def _take(self, end: int, response: int) -> bytes | Trouble:
        line = self._buffer[self._at : end].rstrip(b"\r")
        self._at = self._seen = end + 1
        self._first = False
        self.scanned += len(line)
        if len(line) + 2 <= (response or COMMAND_LIMIT):
            return line
        if response or line[: len(_AUTH)].upper() != _AUTH:
            return Trouble.OVERLONG
        mechanism = line[len(_AUTH) :].partition(b" ")[0]
        return line if len(line) + 2 <= response_limit(mechanism) else Trouble.OVERLONG

    def _stranger(self) -> Trouble | None:
        """Tell a browser, a device that starts with TLS, or a proxy that nobody named, by its first octets: none of
        them is owed an answer.
        """
        if self._buffer.startswith(_TLS_HANDSHAKE):
            return Trouble.TLS
        if self._buffer.startswith(_PROXY):
            return Trouble.PROXY
        return Trouble.HTTP if self._buffer.startswith(_HTTP) else None


def response_limit(mechanism: bytes) -> int:
    """Give how many octets a line with a response of this mechanism may have, its CRLF counted."""
    return LIMITS.get(mechanism.upper(), AUTH_LIMIT)
