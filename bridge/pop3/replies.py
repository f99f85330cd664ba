"""Status lines: `+OK`, `-ERR`, response codes. The only place that writes them."""

from base64 import b64encode
from typing import Literal

ResponseCode = Literal["AUTH", "SYS/TEMP", "SYS/PERM", "IN-USE", "LOGIN-DELAY"]
"""IN-USE and LOGIN-DELAY are RFC 2449 §8.1's; SYS/TEMP and SYS/PERM RFC 3206 §4's; AUTH RFC 3206 §5's."""

REPLY_LIMIT = 512
"""Octets of a status line, its CRLF counted (RFC 2449 §4)."""

END = b".\r\n"
"""What ends a multi-line reply (RFC 1939 §3)."""


_NOT_PRINTABLE = dict.fromkeys((*range(32), 127))


def ok_line(text: str = "") -> bytes:
    """Make a positive status line. Text that is not ASCII turns into question marks, controls are left out."""
    return _line("+OK", text)


def error_line(text: str, code: ResponseCode | None = None) -> bytes:
    """Make a negative status line, with a response code where there is one for it (RFC 2449 §8)."""
    return _line(f"-ERR [{code}]" if code else "-ERR", text)


def challenge_line(octets: bytes) -> bytes:
    """Make a challenge, which asks for the device's response; an empty one keeps its blank (RFC 5034 §4)."""
    return b"+ " + b64encode(octets) + b"\r\n"


def _line(status: str, text: str) -> bytes:
    text = text.translate(_NOT_PRINTABLE)
    if text.startswith("["):
        text = f"({text}"  # a bracket there would be taken for a response code
    line = f"{status} {text}" if text else status
    return line.encode("ascii", "replace")[: REPLY_LIMIT - 2] + b"\r\n"
