"""INTERNALDATE against the standard library, and the texts that are no date."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.imap import dates

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
zones = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(timezones=zones), st.booleans())
def test_as_the_standard_library_has_it(moment: datetime, padded: bool) -> None:
    moment = moment.replace(microsecond=0)
    day = f"{moment.day:2d}" if padded else f"{moment.day:02d}"
    text = f"{day}-{MONTHS[moment.month - 1]}-{moment.year:04d} {moment:%H:%M:%S %z}"
    assert dates.parse(text.encode()) == (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (b"01-Jan-1970 00:00:00 +0000", 0),
        (b" 1-JAN-1970 00:00:00 -0001", 60),
        (b"17-jul-1996 02:44:25 -0700", 837596665),
        (b"31-Dec-1969 23:59:60 +0000", 0),
        (b"29-Feb-2000 00:00:00 +0000", 951782400),
        (b"31-Dec-9999 23:59:59 -2359", 253402387139),
    ],
)
def test_known_dates(text: bytes, seconds: int) -> None:
    assert dates.parse(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"NIL",
        b"00-Jan-1970 00:00:00 +0000",
        b"32-Jan-1970 00:00:00 +0000",
        b"30-Feb-2000 00:00:00 +0000",
        b"29-Feb-1900 00:00:00 +0000",
        b"31-Apr-2000 00:00:00 +0000",
        b"01-Mai-2000 00:00:00 +0000",
        b"01-Jan-0000 00:00:00 +0000",
        b"01-Jan-2000 24:00:00 +0000",
        b"01-Jan-2000 00:60:00 +0000",
        b"01-Jan-2000 00:00:61 +0000",
        b"01-Jan-2000 00:00:00 +2400",
        b"01-Jan-2000 00:00:00 +0060",
        b"01-Jan-2000 00:00:00 0000",
        b"01-Jan-2000 00:00:00 GMT",
        b"01-Jan-2000 00:00:00",
        b"1-Jan-2000 00:00:00 +0000",
        b"01-Jan-00 00:00:00 +0000",
        b"01-Jan-2000 00:00:00 +0000 ",
        b" 0-Jan-2000 00:00:00 +0000",
        "٠١-Jan-2000 00:00:00 +0000".encode(),
    ],
)
def test_what_is_no_date(text: bytes) -> None:
    assert dates.parse(text) is None


@given(st.binary(max_size=30))
def test_nothing_raises(text: bytes) -> None:
    dates.parse(text)
