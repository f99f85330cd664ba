"""CRLF repair: what each kind of line end becomes, and that the cutting of the input never shows."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.octets import CrlfRepair

CASES = [
    (b"", b""),
    (b"a", b"a\r\n"),
    (b"a\r\nb\r\n", b"a\r\nb\r\n"),
    (b"a\nb\n", b"a\r\nb\r\n"),
    (b"a\nb", b"a\r\nb\r\n"),
    (b"a\r\r\nb", b"a\r\nb\r\n"),
    (b"a\r\r\r\r\nb\r\n", b"a\r\nb\r\n"),
    (b"a\r.b", b"a\r\n.b\r\n"),
    (b"a\r\rb", b"a\r\n\r\nb\r\n"),
    (b"a\r", b"a\r\n"),
    (b"\r\r", b"\r\n\r\n"),
    (b"\n\n", b"\r\n\r\n"),
    (b"\n\r", b"\r\n\r\n"),
    (b"\r\n\r\n", b"\r\n\r\n"),
    (b"\0\x80\xff\n", b"\0\x80\xff\r\n"),
]

messages = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"a", b"\r\r\n", b"long line"])).map(b"".join)
cuts = st.lists(st.integers(0, 80))


def naive(message: bytes) -> bytes:
    """The rule, octet by octet, with the whole message at hand."""
    out, held = bytearray(), 0
    for octet in message:
        if octet == ord("\r"):
            held += 1
        elif octet == ord("\n"):
            out += b"\r\n"
            held = 0
        else:
            out += b"\r\n" * held + bytes([octet])
            held = 0
    out += b"\r\n" * held
    return bytes(out + b"\r\n" if out and not out.endswith(b"\n") else out)


def pieces(message: bytes, sizes: Iterable[int]) -> list[bytes]:
    """Cut the message into pieces of these sizes, the rest in one."""
    out = []
    for size in sizes:
        out.append(message[:size])
        message = message[size:]
    return [*out, message]


def repaired(chunks: Iterable[bytes]) -> bytes:
    """Repair chunks, checking the count on the way."""
    repair, out = CrlfRepair(), b""
    for chunk in chunks:
        out += repair.feed(chunk)
        assert repair.octets == len(out)
    out += repair.finish()
    assert repair.octets == len(out)
    return out


@pytest.mark.parametrize(("message", "wanted"), CASES)
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_line_ends(message: bytes, wanted: bytes, size: int) -> None:
    assert repaired(message[at : at + size] for at in range(0, len(message), size)) == wanted


@pytest.mark.parametrize(("message", "wanted"), CASES)
def test_the_oracle_agrees(message: bytes, wanted: bytes) -> None:
    assert naive(message) == wanted


@given(messages, cuts)
def test_cutting_never_shows(message: bytes, sizes: list[int]) -> None:
    assert repaired(pieces(message, sizes)) == naive(message)


@given(st.binary(), cuts)
def test_any_octets(message: bytes, sizes: list[int]) -> None:
    assert repaired(pieces(message, sizes)) == naive(message)


@given(messages, cuts)
def test_what_was_repaired_stays(message: bytes, sizes: list[int]) -> None:
    once = naive(message)
    assert repaired(pieces(once, sizes)) == once


def test_a_sound_chunk_is_handed_on_uncopied() -> None:
    chunk = b"From: a\r\n\r\nbody\r\n" * 100
    assert CrlfRepair().feed(chunk) is chunk


def test_a_run_of_cr_is_held_as_a_number() -> None:
    repair = CrlfRepair()
    assert [repair.feed(b"\r" * 65536) for _ in range(50)] == [b""] * 50
    assert repair.feed(b"\nx") == b"\r\nx"


def test_finish_can_be_asked_again() -> None:
    repair = CrlfRepair()
    repair.feed(b"a")
    assert (repair.finish(), repair.finish(), repair.octets) == (b"\r\n", b"", 3)
