"""What a source adds to a message: the octets that were told beforehand, however the message was cut."""

import email
import email.policy
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.adapt import HeaderEditing, extra
from bridge.octets import CrlfRepair, HeaderScan

MARK = "[Junk]"
SOURCE = "family/Junk"
LINE = b"X-Popbridge-Source: family/Junk\r\n"

# A message, and what becomes of it with the mark alone.
MARKED = [
    (b"Subject: hello\r\n\r\nbody\r\n", b"Subject: [Junk] hello\r\n\r\nbody\r\n"),
    (b"From: a\r\nSUBJECT:hello\r\n\r\n", b"From: a\r\nSUBJECT:[Junk] hello\r\n\r\n"),
    (b"subject:\tx\r\n\r\n", b"subject: [Junk]\tx\r\n\r\n"),
    (b"Subject :  x\r\n\r\n", b"Subject : [Junk]  x\r\n\r\n"),
    (b"Subject:\r\n folded\r\n\r\n", b"Subject: [Junk]\r\n folded\r\n\r\n"),
    (b"Subject: one\r\n two\r\n\r\n", b"Subject: [Junk] one\r\n two\r\n\r\n"),
    (b"Subject:\r\n\r\n", b"Subject: [Junk]\r\n\r\n"),
    (b"Subject: =?utf-8?q?=C3=A4?=\r\n\r\n", b"Subject: [Junk] =?utf-8?q?=C3=A4?=\r\n\r\n"),
    (b"Subject:=?utf-8?q?=C3=A4?=\r\n\r\n", b"Subject:[Junk] =?utf-8?q?=C3=A4?=\r\n\r\n"),
    (b"Subject: 1\r\nSubject: 2\r\n\r\n", b"Subject: [Junk] 1\r\nSubject: 2\r\n\r\n"),
    (b"From: a\r\n\r\nSubject: body\r\n", b"From: a\r\nSubject: [Junk]\r\n\r\nSubject: body\r\n"),
    (b"Subject: 1\r\n\r\n--x\r\nSubject: part\r\n\r\n", b"Subject: [Junk] 1\r\n\r\n--x\r\nSubject: part\r\n\r\n"),
    (b"From: a\r\n Subject: folded\r\n\r\n", b"From: a\r\n Subject: folded\r\nSubject: [Junk]\r\n\r\n"),
    (b"From: a\r\n", b"From: a\r\nSubject: [Junk]\r\n"),
    (b"\r\nSubject: body\r\n", b"Subject: [Junk]\r\n\r\nSubject: body\r\n"),
    (b"", b"Subject: [Junk]\r\n"),
]

# A message, how many octets of it come before the line that tells its source.
PLACES = [
    (b"Subject: hello\r\n\r\n", 0),
    (b"From a@example.org Thu Jan  1 00:00:00 1970\r\nSubject: x\r\n\r\n", 45),
    (b"From: a\r\n\r\n", 0),
    (b"From", 0),
    (b"\r\nbody\r\n", 0),
    (b"", 0),
]

lines = st.sampled_from(
    [
        b"",
        b"Subject: x",
        b"SUBJECT:",
        b"subject \t:x",
        b"Subject",
        b" y",
        b"S",
        b"From x",
        b"Fro",
        b"From: a",
        b"\0\xff",
    ]
)
messages = st.lists(lines.map(lambda line: line + b"\r\n"), max_size=9).map(b"".join)
texts = st.text(max_size=30)
cuts = st.lists(st.integers(0, 20))


def pieces(message: bytes, sizes: Iterable[int]) -> list[bytes]:
    """Cut the message into pieces of these sizes, the rest in one."""
    out = []
    for size in sizes:
        out.append(message[:size])
        message = message[size:]
    return [*out, message]


def edited(chunks: Iterable[bytes], mark: str = "", provenance: str = "") -> bytes:
    """Edit chunks."""
    editing = HeaderEditing(mark, provenance)
    out = b"".join([*map(editing.feed, chunks), editing.finish()])
    assert editing.finish() == b""
    return out


def has_subject(message: bytes) -> bool:
    """Tell what measuring tells."""
    scan = HeaderScan()
    scan.feed(message)
    return scan.subject


@pytest.mark.parametrize(("message", "wanted"), MARKED)
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_the_mark(message: bytes, wanted: bytes, size: int) -> None:
    assert edited(pieces(message, [size] * len(message)), MARK) == wanted


@pytest.mark.parametrize(("message", "place"), PLACES)
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_the_source(message: bytes, place: int, size: int) -> None:
    wanted = message[:place] + LINE + message[place:]
    assert edited(pieces(message, [size] * len(message)), provenance=SOURCE) == wanted


@pytest.mark.parametrize("message", [message for message, _ in MARKED + PLACES])
def test_both_are_the_one_and_then_the_other(message: bytes) -> None:
    assert edited([message], MARK, SOURCE) == edited([edited([message], MARK)], provenance=SOURCE)


@given(messages, texts, texts, cuts)
def test_cutting_never_shows(message: bytes, mark: str, provenance: str, sizes: list[int]) -> None:
    assert edited(pieces(message, sizes), mark, provenance) == edited([message], mark, provenance)


@given(messages | st.binary(), texts, texts, cuts)
def test_the_octets_are_those_told_beforehand(raw: bytes, mark: str, provenance: str, sizes: list[int]) -> None:
    repair = CrlfRepair()
    chunks = [*map(repair.feed, pieces(raw, sizes)), repair.finish()]
    told = repair.octets + extra(mark, provenance, has_subject(b"".join(chunks)))
    assert len(edited(chunks, mark, provenance)) == told


@given(st.binary(), texts, texts, cuts)
def test_octets_that_nobody_repaired_are_counted_right_too(
    raw: bytes, mark: str, provenance: str, sizes: list[int]
) -> None:
    told = len(raw) + extra(mark, provenance, has_subject(raw))
    assert len(edited(pieces(raw, sizes), mark, provenance)) == told


@given(messages, st.text(min_size=1, max_size=30))
def test_nothing_of_the_message_is_lost(message: bytes, mark: str) -> None:
    whole = edited([message], mark)
    added = len(whole) - len(message)
    assert any(whole[:at] + whole[at + added :] == message for at in range(len(message) + 1))


def test_without_either_nothing_is_added() -> None:
    chunk = b"From: a\r\n"
    assert HeaderEditing("", "").feed(chunk) is chunk
    assert extra("", "", subject=True) == extra("", "", subject=False) == 0


def test_what_comes_behind_the_header_is_handed_on_uncopied() -> None:
    editing, body = HeaderEditing(MARK, SOURCE), b"Subject: body\r\n" * 4000
    editing.feed(b"From: a\r\n\r\n")
    assert editing.feed(body) is body


@pytest.mark.parametrize("begun", [b"", b"Subject", b"From "])
def test_endless_lines_are_not_kept(begun: bytes) -> None:
    editing = HeaderEditing(MARK, SOURCE)
    given = len(editing.feed(begun))
    for _ in range(16):
        given += len(editing.feed(b" " * 65536))
    assert given >= len(begun) + 16 * 65536
    given += len(editing.feed(b"\r\n") + editing.finish())
    assert given == len(begun) + 16 * 65536 + 2 + extra(MARK, SOURCE, subject=False)


@pytest.mark.parametrize("text", ["a\r\nBcc: b", "a\0b", "M\u00fcll", "a\x85b\u2028"])
def test_no_text_ends_its_line(text: str) -> None:
    message = email.message_from_bytes(edited([b"From: a\r\n\r\nbody\r\n"], text, text), policy=email.policy.compat32)
    assert message.keys() == ["X-Popbridge-Source", "From", "Subject"]
    assert message.get_payload() == "body\r\n"


def test_encoded_words_stay_whole() -> None:
    raw = edited([b"Subject:=?utf-8?q?=C3=A4?=\r\n\r\n"], MARK)
    assert email.message_from_bytes(raw, policy=email.policy.default)["Subject"] == "[Junk] \u00e4"
