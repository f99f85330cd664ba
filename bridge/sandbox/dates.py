"""INTERNALDATE (RFC 3501 §9, date-time), free of locales and always told in UTC."""

import re
from datetime import UTC, datetime, timedelta, timezone

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_FORM = re.compile(
    r"([ 0-3][0-9])-([A-Za-z]{3})-([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-9]{2})"
)


def to_wire(date: int) -> bytes:
    """Give Unix seconds as a quoted date-time."""
    at = datetime.fromtimestamp(date, UTC)
    return f'"{at.day:2}-{MONTHS[at.month - 1]}-{at:%Y %H:%M:%S} +0000"'.encode()


def from_wire(text: str) -> int | None:
    """Give a date-time in Unix seconds; None for what is none."""
    match = _FORM.fullmatch(text)
    if match is None or match[2].capitalize() not in MONTHS:
        return None
    offset = timedelta(hours=int(match[8]), minutes=int(match[9]))
    zone = timezone(-offset if match[7] == "-" else offset)
    month = MONTHS.index(match[2].capitalize()) + 1
    hour, minute, second = map(int, match.group(4, 5, 6))
    try:
        at = datetime(int(match[3]), month, int(match[1]), hour, minute, second, tzinfo=zone)
    except ValueError:
        return None
    return int(at.timestamp())
