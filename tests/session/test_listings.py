"""Listings are built once for all who ask for the same, and never hold more than they may."""

from array import array

import pytest
import trio.testing

from bridge.maildrop.columns import UidlColumn
from bridge.model.names import Uidl
from bridge.pop3 import scan_lines, uidl_lines
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


async def test_of_a_column_that_grew_only_the_end_is_made() -> None:
    listings, make, sizes = Listings(), Counting(), column()
    sizes.append(5)
    before = b"".join(listings.slices(sizes, make))
    make.asked = 0
    grown = sizes + array("q", [6])
    assert b"".join(listings.slices(grown, make)) == scan_lines(1, grown)
    assert make.asked == 1
    # The one before is not kept beside it, and made from it where another device still asks.
    assert listings.octets < len(before) + 20
    make.asked = 0
    assert b"".join(listings.slices(sizes, make)) == before
    assert make.asked == 1


async def test_what_changed_in_the_middle_is_made_anew() -> None:
    listings, make, sizes = Listings(), Counting(), column()
    list(listings.slices(sizes, make))
    make.asked = 0
    other = sizes[:]
    other[ROWS + 1] = 9
    assert b"".join(listings.slices(other, make)) == scan_lines(1, other)
    assert make.asked == 1


@pytest.mark.parametrize("names", [{}, {2: Uidl("another")}, {ROWS + 2: Uidl("another")}])
async def test_unique_ids_are_alike_with_their_names(names: dict[int, Uidl]) -> None:
    raw = bytes(range(16)) * 3 * ROWS
    listings = Listings()
    list(listings.slices(UidlColumn(raw), uidl_lines))
    grown = UidlColumn(raw + raw[:16], names)
    assert b"".join(listings.slices(grown, uidl_lines)) == uidl_lines(1, grown[:])


async def test_a_message_that_came_to_a_hundred_thousand_costs_one_slice() -> None:
    listings, asked = Listings(), []

    def make(first: int, uidls: list[str]) -> bytes:
        asked.append(first)
        return uidl_lines(first, uidls)

    before = UidlColumn(bytes(16) * 100_000)
    list(listings.slices(before, make))
    asked.clear()
    list(listings.slices(UidlColumn(before.raw + bytes(16)), make))
    assert asked == [100_000 // ROWS * ROWS + 1]
