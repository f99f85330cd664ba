"""What a server cannot make us do: hold its octets, look at them again and again, or go too deep."""

import tracemalloc
from collections.abc import Iterator

import pytest

from bridge.imap import ImapProtocolError, UidSet
from bridge.imap import limits as most
from bridge.imap.events import BodyBegin, BodyChunk, Fetched, SearchFound, Unknown, Vanished
from tests.imap.feeding import feed, ready

KIB = 1024


@pytest.fixture
def allocated() -> Iterator[None]:
    """The test may not have more than 4 MiB allocated at any one time."""
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * KIB * KIB


@pytest.mark.usefixtures("allocated")
class TestLiterals:
    def test_a_body_of_ten_gigabytes_is_announced_without_room_for_it(self) -> None:
        connection = ready()
        events = feed(connection, b"* 1 FETCH (UID 5 BODY[] {10000000000}\r\nabc")
        assert events == [BodyBegin(1, 5, "", None, 10_000_000_000), BodyChunk(b"abc")]
        assert connection.body_left == 10_000_000_000 - 3

    def test_a_body_is_not_kept(self) -> None:
        connection = ready()
        feed(connection, b"* 1 FETCH (UID 5 BODY[] {1000000000}\r\n")
        chunk = bytes(64 * KIB)
        for _ in range(400):
            connection.receive_data(chunk)
            assert connection.next_event() == BodyChunk(chunk)
        assert connection.body_left == 1_000_000_000 - 400 * 64 * KIB

    @pytest.mark.parametrize(
        "octets",
        [
            b"* LIST () NIL {%d}\r\n",
            b"* 1 FETCH (ENVELOPE ({%d}\r\n",
            b"* 1 FETCH (UID {%d}\r\n",
            b"* 1 FETCH (RFC822 {%d}\r\n",
            b"* 1 FETCH ((BODY[] {%d}\r\n",
            b"* XYZZY {%d}\r\n",
            b"* 1 XYZZY {%d}\r\n",
        ],
    )
    def test_any_other_literal_is_short(self, octets: bytes) -> None:
        feed(ready(), octets % most.LITERAL_OCTETS)
        for size in (most.LITERAL_OCTETS + 1, 10**10):
            with pytest.raises(ImapProtocolError, match="too long"):
                feed(ready(), octets % size)

    def test_many_literals_are_bounded_together(self) -> None:
        literal = b"{65536}\r\n" + bytes(65536)
        with pytest.raises(ImapProtocolError, match="too long"):
            feed(ready(), b"* 1 FETCH (ENVELOPE (" + literal * 20)

    def test_header_fields_are_cut(self) -> None:
        head = b"* 1 FETCH (UID 5 BODY[HEADER.FIELDS (MESSAGE-ID)] {1000000}\r\n"
        (event,) = feed(ready(), head + b"x" * 1_000_000 + b")\r\n", 10_000)
        kept = {"HEADER.FIELDS (MESSAGE-ID)": b"x" * most.LITERAL_OCTETS}
        assert event == Fetched(1, 5, sections=kept)

    def test_a_size_beyond_63_bits(self) -> None:
        with pytest.raises(ImapProtocolError, match="impossible"):
            feed(ready(), b"* 1 FETCH (BODY[] {9223372036854775808}\r\n")


@pytest.mark.usefixtures("allocated")
class TestLines:
    @pytest.mark.parametrize("size", [None, 500])
    def test_a_line_without_an_end(self, size: int | None) -> None:
        for start in (b"* OK ", b"A1 OK ", b"+ ", b"* 1 FETCH (", b"* LIST () NIL ", b"* XYZZY ", b""):
            feed(ready(), start + b"x" * (most.LINE_OCTETS - len(start)), size)
            with pytest.raises(ImapProtocolError, match="too long"):
                feed(ready(), start + b"x" * most.LINE_OCTETS + b"x", size)

    def test_a_greeting_without_an_end(self) -> None:
        with pytest.raises(ImapProtocolError, match="too long"):
            feed(ready(), b"\0" * (most.LINE_OCTETS + 1))

    def test_many_short_lines_of_one_response(self) -> None:
        for start in (b"* 1 FETCH (", b"* XYZZY "):
            with pytest.raises(ImapProtocolError, match="too long"):
                feed(ready(), start + b"abcdefghijkl {0}\r\n" * 5000)


_UP = range(2, 40_002, 2)
_SPACED, _COMMAS = b" ".join(b"%d" % n for n in _UP), b",".join(b"%d" % n for n in _UP)
LISTS = {
    "SEARCH": (b"* SEARCH " + _SPACED, _UP),
    "SEARCH, a blank at its end": (b"* SEARCH " + _SPACED + b" ", _UP),
    "SEARCH, two blanks": (b"* search  " + _SPACED.replace(b" ", b"  "), _UP),
    "SEARCH with MODSEQ": (b"* SEARCH " + _SPACED + b" (MODSEQ 77)", _UP),
    "SEARCH downwards": (b"* SEARCH " + b" ".join(b"%d" % n for n in reversed(_UP)), _UP),
    "SEARCH, one of each twice": (b"* SEARCH " + _SPACED + b" " + _SPACED, _UP),
    "SEARCH of one number": (b"* SEARCH" + 40_000 * b" 7", [7]),
    "SEARCH without a gap": (b"* SEARCH " + b" ".join(b"%d" % n for n in range(1, 40_000)), range(1, 40_000)),
    "ESEARCH": (b'* ESEARCH (TAG "A1") UID ALL ' + _COMMAS, _UP),
    "ESEARCH with COUNT and MODSEQ": (
        b'* ESEARCH (TAG "A1") UID MIN 2 ALL ' + _COMMAS + b" COUNT 20000 MODSEQ 77",
        _UP,
    ),
    "VANISHED": (b"* VANISHED " + _COMMAS, _UP),
    "VANISHED (EARLIER)": (b"* vanished (earlier) " + _COMMAS, _UP),
    "VANISHED in ranges": (b"* VANISHED " + b",".join(b"%d:%d" % (n, n) for n in _UP), _UP),
}
"""Lines of more than `LINE_OCTETS`, and the numbers in them."""


class TestNumbers:
    @pytest.mark.parametrize("size", [None, 4096])
    def test_a_search_of_a_large_mailbox(self, size: int | None) -> None:
        line = b"* SEARCH " + b" ".join(b"%d" % (2 * n) for n in range(1, 100_001)) + b"\r\n"
        connection = ready()
        (event,) = feed(connection, line, size)
        assert isinstance(event, SearchFound)
        assert len(event.uids) == 100_000
        assert connection.scanned < 4 * len(line)

    def test_a_compact_set_of_a_large_mailbox(self) -> None:
        line = b'* ESEARCH (TAG "A1") UID ALL ' + b",".join(b"%d" % (2 * n) for n in range(1, 100_001)) + b"\r\n"
        (event,) = feed(ready(), line)
        assert isinstance(event, SearchFound)
        assert len(event.uids) == 100_000

    def test_not_without_an_end(self) -> None:
        with pytest.raises(ImapProtocolError, match="too long"):
            feed(ready(), b"* SEARCH" + b" 1" * (most.NUMBER_LINE_OCTETS // 2 + 40_000), 65_536)

    @pytest.mark.parametrize("size", [None, 4096, 65_536])
    @pytest.mark.parametrize("name", LISTS)
    def test_a_long_list_is_what_it_says(self, name: str, size: int | None) -> None:
        line, numbers = LISTS[name]
        (event,) = feed(ready(), line + b"\r\n", size)
        assert isinstance(event, SearchFound | Vanished)
        assert event.uids == UidSet.from_uids(numbers)
        if isinstance(event, Vanished):
            assert event.earlier == ("EARLIER" in name)
        else:
            assert event.modseq == (77 if "MODSEQ" in name else None)
            assert event.count == (20_000 if "COUNT" in name else None)

    @pytest.mark.parametrize(
        "line",
        [
            b"* SEARCH" + b" 7" * 40_000 + b" 0",
            b"* SEARCH" + b" 7" * 40_000 + b" 4294967296",
            b"* SEARCH" + b" 7" * 40_000 + b" 7:9",
            b"* SEARCH" + b" 7" * 40_000 + b" seven",
            b"* SEARCH " + 70_000 * b"7",
            b"* SEARCH" + b" 7" * 40_000 + b" (MODSEQ x)",
            b"* SEARCH" + b" 7" * 40_000 + b" (" + 2000 * b"x" + b")",
            b"* VANISHED " + b"7," * 40_000,
            b"* VANISHED " + b"7,," * 40_000 + b"8",
            b"* VANISHED " + b"7," * 40_000 + b"8:9:10",
            b"* VANISHED " + b"7," * 40_000 + b"8 9",
            b"* VANISHED (LATER) " + b"7," * 40_000 + b"8",
            b"* ESEARCH ALL " + b"7," * 40_000 + b"8",
            b'* ESEARCH (TAG "A1") UID MIN 7 ' + b"7," * 40_000 + b"8",
            b"* ESEARCH UID ALL " + b"7," * 40_000 + b"8 COUNT {5}",
            b"* ESEARCH UID ALL " + b"7," * 40_000 + b"8 (",
        ],
    )
    @pytest.mark.parametrize("size", [None, 4096])
    def test_a_long_list_that_is_none(self, line: bytes, size: int | None) -> None:
        with pytest.raises(ImapProtocolError):
            feed(ready(), line + b"\r\n", size)

    def test_a_million_numbers_take_little_memory(self) -> None:
        numbers = range(1_000_000_001, 1_000_000_001 + 2 * 999_000, 2)
        pieces = [b"".join(b" %d" % n for n in numbers[at : at + 5000]) for at in range(0, len(numbers), 5000)]
        connection = ready()
        tracemalloc.start()
        feed(connection, b"* SEARCH")
        for piece in pieces:
            assert feed(connection, piece) == []
        (event,) = feed(connection, b"\r\n")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert isinstance(event, SearchFound)
        assert len(event.uids) == len(numbers)
        assert peak < 13 * KIB * KIB

    def test_numbers_from_the_highest_down_have_an_end(self) -> None:
        numbers = range(1_000_000_001, 1_000_000_001 + 2 * 500_000, 2)
        with pytest.raises(ImapProtocolError, match="too long"):
            feed(ready(), b"* SEARCH" + b"".join(b" %d" % n for n in reversed(numbers)) + b"\r\n", 65_536)

    def test_a_set_that_is_none_is_seen_at_once(self) -> None:
        with pytest.raises(ImapProtocolError):
            feed(ready(), b"* ESEARCH UID ALL " + b"(" * 100_000 + b"\r\n")
        with pytest.raises(ImapProtocolError, match="too long"):
            feed(ready(), b"* ESEARCH " + b"() " * 100_000 + b"\r\n")


class TestDepth:
    def nested(self, depth: int) -> bytes:
        return b"* 1 FETCH (BODYSTRUCTURE " + b"(" * depth + b")" * depth + b")\r\n"

    def test_as_deep_as_mail_goes(self) -> None:
        assert feed(ready(), self.nested(most.DEPTH - 1)) == [Fetched(1)]

    @pytest.mark.parametrize("depth", [most.DEPTH, 30_000])
    def test_no_deeper(self, depth: int) -> None:
        with pytest.raises(ImapProtocolError, match="deep"):
            feed(ready(), self.nested(depth))


class TestScanning:
    """A response that trickles in is not looked at from its beginning each time."""

    @pytest.mark.parametrize(
        "octets",
        [
            b"* OK " + b"x" * 60_000 + b"\r\n",
            b"* 1 FETCH (UID 5 FLAGS (" + b"a " * 30_000 + b"))\r\n",
            b"* 1 FETCH (UID 5 BODY[] {60000}\r\n" + b"\n" * 60_000 + b")\r\n",
            b"* 1 FETCH (UID 5 BODY[HEADER.FIELDS (A)] {60000}\r\n" + b"\n" * 60_000 + b")\r\n",
            b'* 1 FETCH (UID 5 RFC822.SIZE 7 INTERNALDATE "01-Jan-1970 00:00:01 +0000")\r\n' * 800,
            b'* 1 FETCH (UID 5 RFC822.SIZE 7 INTERNALDATE "01-Jan-1970 00:00:01 0000")\r\n' * 800,
            b'* 1 FETCH (UID 5 BODY[] "' + b"\\\\" * 30_000 + b'")\r\n',
            b"* XYZZY " + b'"' * 60_000 + b"\r\n",
            b"* 5 EXISTS\r\n" * 5000,
        ],
    )
    @pytest.mark.parametrize("size", [None, 1, 1000])
    def test_scanned(self, octets: bytes, size: int | None) -> None:
        connection = ready()
        feed(connection, octets, size)
        assert connection.scanned < 4 * len(octets)
        assert feed(connection, b"* XYZZY\r\n") == [Unknown("XYZZY")]
