"""The look at the header: which line is the Subject, where it is, and that the cutting of the input never shows."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.octets import HeaderScan

# What was found, and in front of what: a bar in the message stands for the place.
CASES = [
    (b"Subject:| hello\r\n\r\n", True),
    (b"From: a\r\nSUBJECT:|\r\n folded\r\n\r\nbody\r\n", True),
    (b"From: a\r\nsubJect:|=?utf-8?q?=C3=A4?=\r\n\r\n", True),
    (b"subject \t :| old style\r\n\r\n", True),
    (b"Subject:| one\r\nSubject: two\r\n\r\n", True),
    (b"From mbox Subject: no\r\nSubject:| yes\r\n\r\n", True),
    (b"no header at all\r\nSubject:| all the same\r\n", True),
    (b"From: a\r\n|\r\nSubject: in the body\r\n", False),
    (b"From: a\r\n Subject: folded into From\r\n|\r\n", False),
    (b"Subjects: two\r\nSubject-Line: x\r\nSubject\r\n|\r\n", False),
    (b"X-Subject: x\r\nSub ject: x\r\nSubjec: x\r\nSubject x: y\r\n|\r\n", False),
    (b"|\r\nSubject: in the body\r\n", False),
    (b"A" * 3000 + b"\r\n" + b"Subject:| late\r\n\r\n", True),
]

lines = st.sampled_from(
    [
        b"",
        b"Subject: x",
        b"SUBJECT:",
        b"subject \t: x",
        b"Subject",
        b"Subject x",
        b" folded",
        b"S",
        b"From: a",
        b":",
        b"\0",
    ]
)
messages = st.lists(lines.map(lambda line: line + b"\r\n"), max_size=9).map(b"".join)


def naive(message: bytes) -> tuple[bool, int, bool]:
    """The rule, line by line, with the whole message at hand."""
    place = 0
    for line in message.split(b"\r\n")[:-1]:
        if not line:
            return False, place, True
        name, colon, _ = line.partition(b":")
        if colon and name.rstrip(b" \t").lower() == b"subject":
            return True, place + len(name) + 1, True
        place += len(line) + 2
    return False, -1, False


def scanned(message: bytes, sizes: Iterable[int]) -> tuple[bool, int, bool]:
    """Scan a message fed in pieces of these sizes, and the rest, checking that `done` keeps its word."""
    scan = HeaderScan()
    for size in [*sizes, len(message)]:
        told = (scan.subject, scan.place, scan.done)
        scan.feed(message[:size])
        assert not told[2] or told == (scan.subject, scan.place, scan.done)
        message = message[size:]
    return scan.subject, scan.place, scan.done


@pytest.mark.parametrize(("marked", "subject"), CASES)
@pytest.mark.parametrize("size", [1, 2, 3, 5000])
def test_what_is_found(marked: bytes, subject: bool, size: int) -> None:
    message = marked.replace(b"|", b"")
    assert scanned(message, [size] * len(message)) == (subject, marked.index(b"|"), True)


@pytest.mark.parametrize("message", [b"", b"From: a\r\n", b"Subject\r\n", b"Subject"])
def test_without_an_end_nothing_is_found(message: bytes) -> None:
    assert scanned(message, []) == (False, -1, False)


@given(messages, st.lists(st.integers(0, 20)))
def test_cutting_never_shows(message: bytes, sizes: list[int]) -> None:
    assert scanned(message, sizes) == naive(message)


def test_endless_lines_cost_no_memory() -> None:
    scan = HeaderScan()
    for _ in range(64):
        scan.feed(b"x" * 65536)
    scan.feed(b"\r\nSubject" + b" " * 65536)
    scan.feed(b" :")
    assert (scan.subject, scan.place) == (True, 64 * 65536 + 2 + len("Subject :") + 65536)
