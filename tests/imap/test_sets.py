"""UidSet against Python's sets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.imap import ImapProtocolError, UidSet

uids = st.sets(st.integers(1, 60) | st.integers(2**32 - 5, 2**32 - 1))


@given(uids)
def test_a_set_is_what_it_was_made_of(numbers: set[int]) -> None:
    made = UidSet.from_uids(numbers)
    assert list(made) == sorted(numbers)
    assert len(made) == len(numbers)
    assert bool(made) == bool(numbers)
    assert all((n in made) == (n in numbers) for n in range(65))
    assert made == UidSet((n, n) for n in numbers)
    assert hash(made) == hash(UidSet((n, n) for n in numbers))


@given(uids.filter(bool))
def test_text_is_read_back(numbers: set[int]) -> None:
    made = UidSet.from_uids(numbers)
    assert UidSet.parse(made.text()) == made
    assert UidSet.parse(made.text().encode()) == made


@given(uids, st.integers(1, 40))
def test_pieces_are_short_and_lose_nothing(numbers: set[int], octets: int) -> None:
    pieces = list(UidSet.from_uids(numbers).pieces(octets))
    assert [uid for piece in pieces for uid in piece] == sorted(numbers)
    assert all(len(piece.text()) <= octets or piece.text().count(",") == 0 for piece in pieces)


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50)), max_size=9))
def test_ranges_may_overlap_and_run_backwards(ranges: list[tuple[int, int]]) -> None:
    expected = {n for low, high in ranges for n in range(min(low, high), max(low, high) + 1)}
    assert list(UidSet(ranges)) == sorted(expected)


def test_a_huge_range_is_one_range() -> None:
    everything = UidSet.parse("1:4294967295")
    assert len(everything) == 2**32 - 1
    assert 2**31 in everything
    assert 2**32 not in everything
    assert "1" not in everything
    assert everything.text() == "1:4294967295"


@pytest.mark.parametrize(
    "text", ["", "*", "1:*", "1,", ",1", "1:2:3", "1;2", " 1", "0", "0:5", "4294967296", "-1", "١"]
)
def test_what_is_no_set(text: str) -> None:
    with pytest.raises(ImapProtocolError):
        UidSet.parse(text)


@pytest.mark.parametrize("uid", [0, -1, 2**32])
def test_what_is_no_uid(uid: int) -> None:
    for numbers in ([uid], [1, uid]):
        with pytest.raises(ValueError, match="1"):
            UidSet.from_uids(numbers)


def test_repr_is_short() -> None:
    assert repr(UidSet.from_uids([1, 2, 5])) == "UidSet(1:2,5)"
    assert len(repr(UidSet.from_uids(range(1, 999, 2)))) < 100
