"""Slices of LIST and UIDL."""

from array import array

from bridge.pop3 import SLICE, scan_lines, uidl_lines


def test_scan_listings() -> None:
    assert scan_lines(1, [120, 200]) == b"1 120\r\n2 200\r\n"
    assert scan_lines(4097, array("q", [1, 2**40])) == b"4097 1\r\n4098 1099511627776\r\n"


def test_unique_id_listings() -> None:
    assert uidl_lines(9, ["a0", "b1"]) == b"9 a0\r\n10 b1\r\n"


def test_marked_messages_are_left_out() -> None:
    assert scan_lines(1, [1, 2, 3, 4], {2, 4}) == b"1 1\r\n3 3\r\n"
    assert uidl_lines(1, ["a", "b"], {1, 2}) == b""
    assert uidl_lines(1, ["a", "b"], frozenset()) == b"1 a\r\n2 b\r\n"


def test_nothing_to_list() -> None:
    assert scan_lines(1, []) == b""


def test_a_percent_sign_is_one() -> None:
    assert uidl_lines(1, ["%d"]) == b"1 %d\r\n"


def test_a_whole_slice() -> None:
    lines = uidl_lines(1, ["f" * 32] * SLICE).split(b"\r\n")
    assert len(lines) == SLICE + 1
    assert lines[-2] == b"4096 " + b"f" * 32
