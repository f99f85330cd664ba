"""The fast path: whole lines of the listing popbridge asks for, and whole messages, each read by a regular expression.

Anything else (another item, a bad date, a number out of range, lower case) is left to the general parser, which reads
these too, with the same result.
"""

import re
from collections.abc import Callable, Iterable
from functools import partial
from itertools import repeat
from typing import Final

from bridge.imap import dates
from bridge.imap.events import FetchedBody, FetchedRow
from bridge.imap.limits import MAX_U32, MAX_U63, MAX_U64, ROWS

ROW_OCTETS: Final = 2048
"""How far a line that does not fit is looked at, at most: six items of 270 octets."""

LISTING_OCTETS: Final = 64 * 1024
"""How much is read at once: fewer than `ROWS` lines, of which the shortest has 75 octets."""

_ROW: Final = re.compile(
    rb"\* ([1-9][0-9]{0,9}) FETCH \("
    rb"(?:"
    rb"(?:UID ([1-9][0-9]{0,9})"
    rb"|RFC822\.SIZE ([0-9]{1,19})"
    rb'|INTERNALDATE "([^"\\\r\n]{26})"'
    rb"|EMAILID \(([A-Za-z0-9_-]{1,255})\)"
    rb"|X-GM-MSGID ([0-9]{1,20}))"
    rb"(?: |(?=\)))"
    rb"){1,6}\)\r\n"
)

# The same, line for line, with the parts of the date apart and every other line in a group of its own: `findall` goes
# from line to line without Python.
_LINES: Final = re.compile(
    rb"^\* ([1-9][0-9]{0,9}) FETCH \("
    rb"(?:"
    rb"(?:UID ([1-9][0-9]{0,9})"
    rb"|RFC822\.SIZE ([0-9]{1,19})"
    rb'|INTERNALDATE "([ 0-3][0-9]-[A-Za-z]{3}-[0-9]{4}) ([0-2][0-9]:[0-5][0-9]):([0-6][0-9]) ([+-][0-9]{4})"'
    rb"|EMAILID \(([A-Za-z0-9_-]{1,255})\)"
    rb"|X-GM-MSGID ([0-9]{1,20}))"
    rb"(?: |(?=\)))"
    rb"){1,6}\)\r\n"
    rb"|^([^\n]*\n)",
    re.MULTILINE,
)

_BODY: Final = re.compile(
    rb"\* ([1-9][0-9]{0,9}) FETCH \(UID ([1-9][0-9]{0,9}) BODY\[\](?:<([0-9]{1,18})>)? \{([1-9][0-9]{0,8})\}\r\n"
)
_BODY_END: Final = b")\r\n"

# A named tuple's own constructor is written in Python, and takes three times as long.
_NEW_ROW: Final[Callable[[Iterable[object]], FetchedRow]] = partial(tuple.__new__, FetchedRow)


def take_body(data: bytes | bytearray, at: int) -> tuple[FetchedBody, int] | None:
    """Read one response from `at` on that is a message's text, if it is all there. Gives it, and where it ends."""
    head = _BODY.match(data, at)
    if head is None:
        return None
    seq_text, uid_text, origin, octets = head.groups()
    begin = head.end()
    end = begin + int(octets)
    seq, uid = int(seq_text), int(uid_text)
    if data[end : end + len(_BODY_END)] != _BODY_END or seq > MAX_U32 or uid > MAX_U32:
        return None
    text = bytes(memoryview(data)[begin:end])
    return FetchedBody(seq, uid, None if origin is None else int(origin), text), end + len(_BODY_END)


def take_listing(data: bytes | bytearray, at: int) -> tuple[list[FetchedRow], int]:
    """Read all lines from `at` on, up to the last whole one of `LISTING_OCTETS`. Gives them and where they end; no rows
    when one of them is no line of a listing, and `at` when the first is none.
    """
    if _ROW.match(data, at) is None:
        return [], at
    end = data.rfind(b"\n", at, at + LISTING_OCTETS) + 1
    seqs, uids, sizes, days, clocks, seconds, zones, emailids, gmail, others = zip(
        *_LINES.findall(data, at, end), strict=True
    )
    if any(others):
        return [], end
    try:
        numbers = [list(map(int, column)) for column in (seqs, uids, sizes)]
        moments = dates.read(zip(days, clocks, seconds, zones, strict=True))
    except ValueError:
        return [], end
    if max(numbers[0]) > MAX_U32 or max(numbers[1]) > MAX_U32 or max(numbers[2]) > MAX_U63:
        return [], end
    identities: Iterable[str] = repeat("")
    if any(emailids) or any(gmail):
        if any(number and int(number) > MAX_U64 for number in gmail):
            return [], end
        identities = [identity(one or None, other or None) for one, other in zip(emailids, gmail, strict=True)]
    return list(map(_NEW_ROW, zip(*numbers, moments, identities, strict=False))), end


def take_rows(data: bytes | bytearray, at: int) -> tuple[list[FetchedRow], int]:
    """Read up to `ROWS` lines from `at` on. Gives them, and where the first line begins that was not taken."""
    rows: list[FetchedRow] = []
    match = _ROW.match
    while len(rows) < ROWS:
        line = match(data, at)
        row = _row(line) if line else None
        if line is None or row is None:
            break
        rows.append(row)
        at = line.end()
    return rows, at


def _row(line: re.Match[bytes]) -> FetchedRow | None:
    seq_text, uid_text, size_text, date_text, emailid, gmail = line.groups()
    if uid_text is None or size_text is None or date_text is None:
        return None
    seq, uid, size, date = int(seq_text), int(uid_text), int(size_text), dates.parse(date_text)
    if date is None or seq > MAX_U32 or uid > MAX_U32 or size > MAX_U63:
        return None
    if gmail is not None and int(gmail) > MAX_U64:
        return None
    return FetchedRow(seq, uid, size, date, identity(emailid, gmail))


def identity(emailid: bytes | None, gmail: bytes | None) -> str:
    """Name a message's identity as the provider has it, EMAILID first; empty without one."""
    if emailid is not None:
        return f"emailid:{emailid.decode('ascii')}"
    if gmail is not None:
        return f"gmail:{int(gmail)}"
    return ""
