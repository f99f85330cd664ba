"""Listings are built once for all who ask for the same, and never hold more than they may."""

from array import array

import trio.testing

from bridge.pop3 import scan_lines
from bridge.session.listings import ROWS, UNASKED, Listings


class Counting:
    """Makes lines, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, first: int, sizes: "array[int]") -> bytes:
        self.asked += 1
        return scan_lines(first, sizes)


def column(first: int = 0) -> "array[int]":
    return array("q", range(first, first + 3 * ROWS))


async def test_what_was_asked_for_before_is_not_made_again() -> None:
    listings, make, sizes = Listings(), Counting(), column()
    first = b"".join(listings.slices(sizes, make))
    assert first == scan_lines(1, sizes)
    assert make.asked == 3
    assert b"".join(listings.slices(sizes, make)) == first
    assert make.asked == 3
    assert listings.octets == len(first)


async def test_another_column_has_lines_of_its_own() -> None:
    listings, make = Listings(), Counting()
    one, other = column(), column(7)
    assert b"".join(listings.slices(one, make)) != b"".join(listings.slices(other, make))
    assert make.asked == 6


async def test_no_more_is_kept_than_may_be() -> None:
    make = Counting()
    columns = [column(n) for n in range(4)]
    listings = Listings(most=2 * len(scan_lines(1, columns[3])))
    for each in columns:
        list(listings.slices(each, make))
    assert make.asked == 12
    list(listings.slices(columns[3], make))
    list(listings.slices(columns[2], make))
    assert make.asked == 12
    list(listings.slices(columns[0], make))
    assert make.asked == 15


async def test_what_nobody_asks_for_is_dropped(autojump_clock: trio.testing.MockClock) -> None:
    listings, make, sizes = Listings(), Counting(), column()
    list(listings.slices(sizes, make))
    await trio.sleep(UNASKED + 1)
    list(listings.slices(array("q", [1]), make))
    assert listings.octets == len(b"1 1\r\n")
