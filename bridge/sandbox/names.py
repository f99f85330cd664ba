"""Mailbox names on the wire (modified UTF-7, RFC 3501 §5.1.3), LIST patterns, and strings as the server says them."""

import base64
import re
from collections.abc import Iterator

DELIMITER = "/"

_SAFE = re.compile(r"[A-Za-z0-9_.\-/]+")
_SHIFTED = re.compile(rb"&([A-Za-z0-9+,]*)-")


class NameRefused(ValueError):
    """The octets are no mailbox name."""


def to_wire(name: str) -> bytes:
    """Give a mailbox name as an atom or a quoted string."""
    encoded = b"".join(_pieces(name))
    return encoded if _SAFE.fullmatch(encoded.decode()) else quoted(encoded)


def _pieces(name: str) -> Iterator[bytes]:
    for run in re.findall(r"[ -~]+|[^ -~]+", name):
        if " " <= run[0] <= "~":
            yield run.replace("&", "&-").encode()
        else:
            base = base64.b64encode(run.encode("utf-16-be")).rstrip(b"=").replace(b"/", b",")
            yield b"&" + base + b"-"


def from_wire(octets: bytes) -> str:
    """Give a mailbox name in Unicode; INBOX in capitals. Raises NameRefused for what modified UTF-7 is not."""
    found, at = [], 0
    for match in _SHIFTED.finditer(octets):
        found.append(_plain(octets[at : match.start()]))
        found.append(_unshift(match.group(1)))
        at = match.end()
    name = "".join([*found, _plain(octets[at:])])
    return "INBOX" if name.upper() == "INBOX" else name


def from_utf8(octets: bytes) -> str:
    """Give a mailbox name that came in UTF-8 (RFC 6855 §3); INBOX in capitals. Raises NameRefused for other octets."""
    try:
        name = octets.decode()
    except UnicodeDecodeError as failure:
        raise NameRefused("a mailbox name must be in UTF-8 now") from failure
    return "INBOX" if name.upper() == "INBOX" else name


def _plain(octets: bytes) -> str:
    text = octets.decode("latin-1")
    if not all(" " <= letter <= "~" for letter in text) or "&" in text:
        raise NameRefused("a mailbox name must be in modified UTF-7")
    return text


def _unshift(base: bytes) -> str:
    if not base:
        return "&"
    try:
        padded = base.replace(b",", b"/") + b"=" * (-len(base) % 4)
        text = base64.b64decode(padded, validate=True).decode("utf-16-be")
    except ValueError as failure:
        raise NameRefused("a mailbox name must be in modified UTF-7") from failure
    if b"".join(_pieces(text)) != b"&" + base + b"-":
        raise NameRefused("a mailbox name must be in modified UTF-7, in its only form")
    return text


def quoted(octets: bytes) -> bytes:
    """Give a quoted string."""
    return b'"' + octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def pattern(reference: str, wanted: str) -> re.Pattern[str]:
    """Compile a LIST pattern: `*` takes anything, `%` anything within one level (RFC 3501 §6.3.8)."""
    whole = reference + wanted
    if whole.upper() == "INBOX":
        return re.compile("INBOX")
    parts = (_WILD.get(part, re.escape(part)) for part in re.split(r"([*%])", re.sub(r"[*%]*\*[*%]*", "*", whole)))
    return re.compile("".join(parts), re.DOTALL)


_WILD = {"*": ".*", "%": f"[^{DELIMITER}]*"}
