"""How far ahead a message is fetched while many are under way."""

from bridge.model.names import Uid
from bridge.upstream.assembly import (
    AHEAD_OCTETS,
    FIRST_OCTETS,
    PORTION_OCTETS,
    RANGE_OCTETS,
    SHORT_RANGE_OCTETS,
    Assembly,
    Range,
)
from bridge.upstream.bodies import Piece
from bridge.upstream.stock import Stock

LONG = 20_000_000


def come(text: Assembly, wanted: Range) -> None:
    """Let all of a range come, in one piece."""
    assert wanted.length is not None
    text.put(Piece(Uid(1), wanted.origin, wanted.length, b"x" * wanted.length, ends=True))
    text.land(wanted)


def fetch_ahead(text: Assembly) -> int:
    """Let come what is asked for until nothing more is; gives how many octets are held then."""
    while (wanted := text.next_range()) is not None:
        come(text, wanted)
    return text.held


def begun(stock: Stock) -> Assembly:
    """Give a text whose device has taken the first octets."""
    text = Assembly("mail", "UID 1 of INBOX", LONG, stock)
    fetch_ahead(text)
    assert text.take()
    return text


def test_a_few_go_far_ahead() -> None:
    stock = Stock()
    text = begun(stock)
    assert RANGE_OCTETS <= fetch_ahead(text) <= AHEAD_OCTETS


def test_in_a_crowd_each_holds_little_and_all_together_what_is_allowed() -> None:
    stock = Stock(plenty=4 * AHEAD_OCTETS)
    texts = [begun(stock) for _ in range(100)]
    held = [fetch_ahead(text) for text in texts]
    assert max(held) <= AHEAD_OCTETS
    assert stock.short
    assert sum(each > 3 * FIRST_OCTETS for each in held) <= 8
    assert sum(held) < 5 * AHEAD_OCTETS + 100 * 3 * FIRST_OCTETS


def test_one_that_has_taken_all_gets_more_and_in_small_portions() -> None:
    stock = Stock(plenty=1)
    others = begun(stock)
    text = begun(stock)
    while text.take():
        pass
    text.hungry = True
    wanted = text.next_range()
    assert wanted is not None
    assert wanted.length == SHORT_RANGE_OCTETS
    come(text, wanted)
    assert len(text.take()) == PORTION_OCTETS
    assert others.held


def test_what_is_over_counts_no_more() -> None:
    stock = Stock(plenty=RANGE_OCTETS)
    text = begun(stock)
    fetch_ahead(text)
    assert stock.short
    text.close()
    assert not stock.short


def test_what_was_taken_counts_no_more() -> None:
    stock = Stock(plenty=RANGE_OCTETS)
    text = begun(stock)
    fetch_ahead(text)
    while text.take():
        pass
    assert not stock.short
