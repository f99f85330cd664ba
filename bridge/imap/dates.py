"""INTERNALDATE in Unix seconds (RFC 3501 §9, date-time), strictly and fast: a listing has one on each line."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

_DATE_TIME: Final = re.compile(
    rb"([ 0-3][0-9]-[A-Za-z]{3}-[0-9]{4}) ([0-2][0-9]:[0-5][0-9]):([0-6][0-9]) ([+-][0-9]{4})"
)
_MONTHS: Final = {
    name: number for number, name in enumerate(b"JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(), start=1)
}
_LENGTHS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_TWO: Final = {b"%02d" % number: number for number in range(61)}
_CLOCK: Final = {b"%02d:%02d" % (hour, minute): 3600 * hour + 60 * minute for hour in range(24) for minute in range(60)}
_DAY: Final = 86_400
_EPOCH: Final = 719_468


def parse(text: bytes) -> int | None:
    """Read `17-Jul-1996 02:44:25 -0700`; a day below ten is padded with a blank. None for anything that is no date."""
    found = _DATE_TIME.fullmatch(text)
    if found is None:
        return None
    try:
        return read((found.groups(),))[0]
    except ValueError:
        return None


def read(parts: Iterable[Sequence[bytes]]) -> list[int]:
    """Read dates of which date, hour with minute, second and zone stand apart. ValueError when one is no date."""
    try:
        return [_midnight(date) + _CLOCK[clock] + _TWO[second] - _offset(zone) for date, clock, second, zone in parts]
    except KeyError as failure:
        raise ValueError("there is no such time of the day") from failure


@lru_cache(maxsize=4096)
def _midnight(date: bytes) -> int:
    day, month, year = int(date[:2]), _MONTHS.get(date[3:6].upper()), int(date[7:])
    if month is None or year == 0:
        raise ValueError("there is no such month")
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if not 1 <= day <= _LENGTHS[month - 1] + (leap and month == 2):
        raise ValueError("there is no such day")
    return (_days(year, month, day) - _EPOCH) * _DAY


def _days(year: int, month: int, day: int) -> int:
    # Years that begin in March put the leap day last, so a month's start is a straight line rounded down.
    since_march = (month + 9) % 12
    march_year = year - (month <= 2)
    return (
        365 * march_year
        + march_year // 4
        - march_year // 100
        + march_year // 400
        + ((153 * since_march + 2) // 5 + day - 1)
    )


@lru_cache(maxsize=256)
def _offset(zone: bytes) -> int:
    hours, minutes = int(zone[1:3]), int(zone[3:])
    if hours > 23 or minutes > 59:
        raise ValueError("there is no such zone")
    seconds = hours * 3600 + minutes * 60
    return -seconds if zone.startswith(b"-") else seconds
