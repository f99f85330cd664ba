"""Byte-stuffing: every dot that begins a line is doubled, and the cutting of the message never shows."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.pop3.stuffing import DotStuffing

# CRLF-ended lines, as CrlfRepair gives them: no CR or LF of its own.
line = st.lists(st.sampled_from([b".", b"..", b"a", b" "]), max_size=4).map(b"".join)
messages = st.lists(line.map(lambda line: line + b"\r\n")).map(b"".join)


def naive(message: bytes) -> bytes:
    """The rule, line by line."""
    return b"".join(b"." + line if line.startswith(b".") else line for line in message.splitlines(keepends=True))


@given(messages, st.lists(st.integers(0, 12)))
def test_cutting_never_shows(message: bytes, sizes: list[int]) -> None:
    stuffing, out, rest = DotStuffing(), b"", message
    for size in [*sizes, len(message)]:
        out += stuffing.feed(rest[:size])
        rest = rest[size:]
    assert out == naive(message)
    assert stuffing.at_line_start


@given(messages)
def test_a_device_that_unstuffs_gets_the_message(message: bytes) -> None:
    stuffed = DotStuffing().feed(message)
    lines = stuffed.splitlines(keepends=True)
    assert b".\r\n" not in lines
    assert b"".join(line.removeprefix(b".") for line in lines) == message


def test_without_dots_at_line_starts_nothing_is_copied() -> None:
    chunk = b"From: a.b@c.d\r\n\r\nbody. \r\n" * 100
    assert DotStuffing().feed(chunk) is chunk


def test_a_line_that_is_not_over_is_known() -> None:
    stuffing = DotStuffing()
    assert stuffing.feed(b".a\r") == b"..a\r"
    assert not stuffing.at_line_start
    assert stuffing.feed(b"\n") == b"\n"
    assert stuffing.at_line_start
