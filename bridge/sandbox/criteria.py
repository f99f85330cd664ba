"""What SEARCH may look for in a message: texts, dates, keywords (RFC 3501 §6.4.4)."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.utils import parsedate

from bridge.sandbox.dates import MONTHS
from bridge.sandbox.mailbox import SandboxMessage
from bridge.sandbox.sections import fields_of, header_of
from bridge.sandbox.syntax import BadCommand

Criterion = Callable[[SandboxMessage], bool]


def by_header(name: bytes, wanted: bytes) -> Criterion:
    """Look for a text in a header field, encoded words decoded; an empty text asks for the field alone."""
    field, text = name.upper(), _folded(wanted)

    def holds(message: SandboxMessage) -> bool:
        fields = fields_of(header_of(message.octets))
        return any(n == field and text in _decoded(octets.partition(b":")[2]) for n, octets in fields)

    return holds


def by_text(wanted: bytes, *, header: bool) -> Criterion:
    """Look for a text in a message's body, in its header too if `header`; nothing but the header is decoded."""
    text = _folded(wanted)

    def holds(message: SandboxMessage) -> bool:
        head = header_of(message.octets)
        body = _folded(message.octets[len(head) :])
        return text in body or (header and (text in _decoded(head) or text in _folded(head)))

    return holds


def by_keyword(keyword: str, *, wanted: bool) -> Criterion:
    """Ask for a flag that is no system flag."""
    return lambda message: (keyword.lower() in {flag.lower() for flag in message.flags}) == wanted


def by_date(key: str, text: str) -> Criterion:
    """Compare the day of INTERNALDATE, in UTC, or of the Date field for the SENT keys. Raises BadCommand."""
    asked = _date(text)
    told = _sent if key.startswith("SENT") else _arrived

    def holds(message: SandboxMessage) -> bool:
        day = told(message)
        match key.removeprefix("SENT"):
            case "BEFORE":
                return day is not None and day < asked
            case "ON":
                return day == asked
            case _:
                return day is not None and day >= asked

    return holds


def _arrived(message: SandboxMessage) -> date | None:
    return datetime.fromtimestamp(message.date, UTC).date()


def _sent(message: SandboxMessage) -> date | None:
    fields = dict(reversed(fields_of(header_of(message.octets))))
    found = parsedate(fields.get(b"DATE", b":").partition(b":")[2].decode("latin-1"))
    try:
        return None if found is None else date(*found[:3])
    except ValueError:
        return None


def _date(text: str) -> date:
    day, _, rest = text.partition("-")
    month, _, year = rest.partition("-")
    if month.capitalize() not in MONTHS or not (day.isdigit() and len(day) <= 2 and year.isdigit() and len(year) == 4):
        raise BadCommand("a date is missing")
    try:
        return date(int(year), MONTHS.index(month.capitalize()) + 1, int(day))
    except ValueError as failure:
        raise BadCommand("there is no such day") from failure


def _folded(octets: bytes) -> str:
    return octets.decode("utf-8", "replace").casefold()


def _decoded(octets: bytes) -> str:
    text = octets.decode("utf-8", "replace")
    try:
        return str(make_header(decode_header(text))).casefold()
    except (HeaderParseError, LookupError, ValueError):
        return text.casefold()
