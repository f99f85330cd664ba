"""Modified UTF-7, how IMAP4rev1 writes mailbox names (RFC 3501 §5.1.3)."""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error

_SHIFTED = re.compile(r"[^\x20-\x7e]+")
_UNSHIFT = re.compile(rb"&([A-Za-z0-9+,]*)-")


def encode(name: str) -> bytes:
    """Write `name`; `decode` gives it back. Raises UnicodeEncodeError for half a surrogate pair."""
    return _SHIFTED.sub(_shift, name.replace("&", "&-")).encode("ascii")


def decode(raw: bytes) -> str:
    """Read a name as a server wrote it. What is not modified UTF-7 stands for itself, read as UTF-8; nothing raises.

    `encode(decode(raw)) == raw` for every proper `raw`, and only for those.
    """
    text = _UNSHIFT.sub(_unshift, raw)
    return text.decode("utf-8", "replace")


def _shift(run: re.Match[str]) -> str:
    base64 = b64encode(run[0].encode("utf-16-be"), altchars=b"+,").rstrip(b"=")
    return f"&{base64.decode('ascii')}-"


def _unshift(run: re.Match[bytes]) -> bytes:
    base64 = run[1]
    if not base64:
        return b"&"
    try:
        octets = b64decode(base64 + b"=" * (-len(base64) % 4), altchars=b"+,", validate=True)
        return octets.decode("utf-16-be").encode("utf-8")
    except (Base64Error, UnicodeError):
        return run[0]
