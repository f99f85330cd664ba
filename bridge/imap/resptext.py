"""The text of OK, NO, BAD, BYE and PREAUTH, and the code that may lead it (RFC 9051 §7.1)."""

import re
from collections.abc import Iterator
from typing import Final

from bridge.imap import names
from bridge.imap.events import Code, Copied
from bridge.imap.limits import COPIED_UIDS, MAX_U32, MAX_U63

# A `]` inside a quoted string does not end the code; where the quotes do not match, the first `]` does. The loop is
# unrolled: one that went octet by octet would remember each of them while it matches.
_CODE: Final = re.compile(rb'\[([^\x00-\x20\]"]+)(?: ([^\]"]*(?:"[^"\\]*(?:\\.[^"\\]*)*"[^\]"]*)*))?\] ?')
_PLAIN_CODE: Final = re.compile(rb"\[([^\x00-\x20\]]+)(?: ([^\]]*))?\] ?")
_DIGITS: Final = re.compile(r"[0-9]{1,20}")
_COPIED: Final = re.compile(r"([0-9]{1,10})(?: ([0-9:,]+))? ([0-9:,]+)")
_RANGE: Final = re.compile(r"([0-9]{1,10})(?::([0-9]{1,10}))?")


def parse(octets: bytes) -> tuple[Code | None, str]:
    """Split into the code and the text for people. Nothing raises: a broken code is part of the text."""
    found = _CODE.match(octets) or _PLAIN_CODE.match(octets)
    if found is None:
        return None, names.text(octets)
    return _code(names.text(found[1]).upper(), names.text(found[2] or b"")), names.text(octets[found.end() :])


def _code(name: str, arguments: str) -> Code:
    match name:
        case "UIDVALIDITY" | "UIDNEXT" | "UNSEEN":
            return Code(name, arguments, number=_number(arguments, MAX_U32))
        case "HIGHESTMODSEQ":
            return Code(name, arguments, number=_number(arguments, MAX_U63))
        case "CAPABILITY":
            return Code(name, arguments, names=frozenset(arguments.upper().split()))
        case "PERMANENTFLAGS" | "BADCHARSET":
            words = arguments.strip("() ").replace('"', "").split()
            return Code(name, arguments, names=names.flags(word.encode() for word in words))
        case "COPYUID" | "APPENDUID":
            return Code(name, arguments, copied=_copied(name, arguments))
        case _:
            return Code(name, arguments)


def _number(text: str, most: int) -> int | None:
    text = text.strip()
    return int(text) if _DIGITS.fullmatch(text) and int(text) <= most else None


def _copied(name: str, arguments: str) -> Copied | None:
    found = _COPIED.fullmatch(arguments.strip())
    if found is None or (found[2] is None) != (name == "APPENDUID"):
        return None
    uidvalidity, source, destination = _number(found[1], MAX_U32), _spelled(found[2] or ""), _spelled(found[3])
    if not uidvalidity or source is None or destination is None or not destination:
        return None
    if name == "COPYUID" and len(source) != len(destination):
        return None
    return Copied(uidvalidity, source, destination)


def _spelled(text: str) -> tuple[int, ...] | None:
    """Spell a set out in its own order, which says what became what; None when it is none, or too long."""
    uids: list[int] = []
    for low, high in _ranges(text):
        if not 1 <= low <= high <= MAX_U32 or len(uids) + high - low >= COPIED_UIDS:
            return None
        uids.extend(range(low, high + 1))
    return tuple(uids)


def _ranges(text: str) -> Iterator[tuple[int, int]]:
    # RFC 4315 §3: a range of 12:10 is the same as 10:12, and both mean 10, 11, 12.
    for item in text.split(",") if text else ():
        found = _RANGE.fullmatch(item)
        bounds = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        yield min(bounds), max(bounds)
