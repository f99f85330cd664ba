"""Mailbox names, patterns, sets and dates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sandbox import dates
from bridge.sandbox.names import NameRefused, from_wire, pattern, to_wire
from bridge.sandbox.sets import compact, parse_set

NAMES = [
    ("INBOX", b"INBOX"),
    ("Entwürfe", b'"Entw&APw-rfe"'),
    ("A & B", b'"A &- B"'),
    ('q"\\', b'"q\\"\\\\"'),
    ("台北", b'"&U,BTFw-"'),
    ("a/b.c-d", b"a/b.c-d"),
]


@pytest.mark.parametrize(("name", "octets"), NAMES)
def test_names(name: str, octets: bytes) -> None:
    assert to_wire(name) == octets


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda name: name.upper() != "INBOX"))
def test_names_come_back(name: str) -> None:
    wire = to_wire(name)
    if wire.startswith(b'"'):
        wire = wire[1:-1].replace(b'\\"', b'"').replace(b"\\\\", b"\\")
    assert from_wire(wire) == name


@pytest.mark.parametrize("octets", [b"&", b"&A", b"&AGE-", b"&2D0-", b"\xc3\xbc", b"&APw", b"&A,,,,-", b"a\x00"])
def test_names_refused(octets: bytes) -> None:
    with pytest.raises(NameRefused):
        from_wire(octets)


def test_inbox_in_any_case() -> None:
    assert from_wire(b"iNbOx") == "INBOX"


PATTERNS = [
    ("", "*", "a/b", True),
    ("", "%", "a/b", False),
    ("", "a/%", "a/b", True),
    ("a/", "%", "a/b", True),
    ("", "%*%*%*%*x", "y" * 200, False),
    ("", "a.b", "axb", False),
    ("", "inbox", "INBOX", True),
]


@pytest.mark.parametrize(("reference", "wanted", "name", "matches"), PATTERNS)
def test_patterns(reference: str, wanted: str, name: str, matches: bool) -> None:
    assert bool(pattern(reference, wanted).fullmatch(name)) is matches


SETS = [
    ("1", [0]),
    ("2:3,9", [1, 2, 4]),
    ("*", [4]),
    ("8:*", [3, 4]),
    ("100:*", [4]),
    ("*:3", [2, 3, 4]),
    ("4,6:7", []),
]


@pytest.mark.parametrize(("text", "picked"), SETS)
def test_sets(text: str, picked: list[int]) -> None:
    numbers = parse_set(text)
    assert numbers is not None
    assert numbers.pick([1, 2, 3, 8, 9]) == picked
    assert numbers.pick([]) == []


@pytest.mark.parametrize("text", ["", "0", "1:", "1,,2", "a", "1:2:3", "٣", "12345678901"])
def test_sets_refused(text: str) -> None:
    assert parse_set(text) is None


def test_compact_sets() -> None:
    assert compact([1, 2, 3, 5, 7, 8]) == "1:3,5,7:8"
    assert compact([]) == ""


@given(st.integers(0, 4_102_444_800))
def test_dates_come_back(date: int) -> None:
    assert dates.from_wire(dates.to_wire(date).decode().strip('"')) == date


def test_dates_of_other_zones() -> None:
    assert dates.from_wire("17-Jul-1996 02:44:25 -0700") == 837_596_665
    assert dates.from_wire("31-Feb-2026 00:00:00 +0000") is None
    assert dates.from_wire("yesterday") is None
