"""TOP's cut: headers, the empty line, n lines; the same octets as RETR's beginning, however they were cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.pop3 import TopCut

MESSAGE = b"A: 1\r\nB: 2\r\n\r\none\r\n\r\n.three\r\n"

line = st.sampled_from([b"", b"a", b".", b"A: b", b"\0"])
messages = st.lists(line.map(lambda line: line + b"\r\n"), max_size=12).map(b"".join)


def naive(message: bytes, lines: int) -> bytes:
    """The rule, line by line, with the whole message at hand."""
    out = message.split(b"\r\n")[:-1]
    body = out.index(b"") + 1 if b"" in out else len(out)
    return b"".join(line + b"\r\n" for line in out[: body + lines])


def cut(message: bytes, lines: int, sizes: list[int]) -> bytes:
    """Cut a message fed in pieces of these sizes, and the rest, checking that `done` keeps its word."""
    top, out = TopCut(lines), b""
    for size in [*sizes, len(message)]:
        done, more = top.done, top.feed(message[:size])
        assert not (done and more)
        out += more
        message = message[size:]
    return out + top.finish()


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (0, b"A: 1\r\nB: 2\r\n\r\n"),
        (1, b"A: 1\r\nB: 2\r\n\r\none\r\n"),
        (2, b"A: 1\r\nB: 2\r\n\r\none\r\n\r\n"),
        (3, MESSAGE),
        (4294967295, MESSAGE),
    ],
)
def test_lines_of_the_body(lines: int, wanted: bytes) -> None:
    for size in range(1, len(MESSAGE) + 1):
        assert cut(MESSAGE, lines, [size] * len(MESSAGE)) == wanted


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        (b"", b""),
        (b"A: 1\r\n", b"A: 1\r\n"),
        (b"A: 1\r\n\r\n", b"A: 1\r\n\r\n"),
        (b"\r\nbody\r\n", b"\r\n"),
        (b"\r\n\r\n\r\n", b"\r\n"),
    ],
)
def test_odd_messages_without_lines_of_the_body(message: bytes, wanted: bytes) -> None:
    for size in range(1, 8):
        assert cut(message, 0, [size] * 8) == wanted


@given(messages, st.integers(0, 8), st.lists(st.integers(0, 9)))
def test_cutting_never_shows(message: bytes, lines: int, sizes: list[int]) -> None:
    assert cut(message, lines, sizes) == naive(message, lines)


@given(messages, st.integers(0, 8))
def test_what_is_given_is_where_retr_begins(message: bytes, lines: int) -> None:
    assert message.startswith(TopCut(lines).feed(message))


def test_it_is_done_as_soon_as_enough_was_seen() -> None:
    top = TopCut(1)
    assert (top.feed(b"A: 1\r\n\r\n"), top.done) == (b"A: 1\r\n\r\n", False)
    assert (top.feed(b"one\r\ntwo\r\n"), top.done) == (b"one\r\n", True)
    assert TopCut(0).feed(b"A: 1\r\n\r\n") == b"A: 1\r\n\r\n"


def test_headers_alone_are_done_at_the_empty_line() -> None:
    top = TopCut(0)
    top.feed(b"A: 1\r\n\r")
    assert not top.done
    assert top.feed(b"\n") == b"\n"
    assert top.done
