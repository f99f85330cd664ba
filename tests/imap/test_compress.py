"""COMPRESS=DEFLATE: a layer that holds little, whatever it is fed, and reads the same however the input is cut."""

import tracemalloc
import zlib
from collections.abc import Iterator

import pytest

from bridge.imap import ImapConnection, ImapMisuse, ImapProtocolError, commands
from bridge.imap.events import BodyChunk, Closed, Event, Exists, FetchedRows, NeedData, Tagged
from bridge.imap.limits import UNPACKED_OCTETS
from tests.imap.feeding import drain, feed, merged, pieces, ready

KIB = 1024
ROW = b'* 1 FETCH (UID 5 RFC822.SIZE 7 INTERNALDATE "01-Jan-1970 00:00:01 +0000")\r\n'


def packer() -> "zlib._Compress":
    return zlib.compressobj(9, zlib.DEFLATED, -15)


def packed(*texts: bytes) -> bytes:
    """Pack one text after the other, each so that it can be read to its end."""
    with_ends = packer()
    return b"".join(with_ends.compress(text) + with_ends.flush(zlib.Z_SYNC_FLUSH) for text in texts)


def compressed() -> ImapConnection:
    """A connection with COMPRESS agreed, and `A1 UID FETCH` open."""
    connection = ready()
    connection.send(commands.compress())
    connection.data_to_send()
    assert [type(event) for event in feed(connection, b"A2 OK go\r\n")] == [Tagged]
    assert connection.compressed
    return connection


def unpack_all(connection: ImapConnection) -> Iterator[Event]:
    """Take all that is to be had of what was fed, step by step."""
    yield from drain(connection)
    while connection.packed:
        connection.receive_data(b"")
        yield from drain(connection)


def test_what_is_sent_can_be_read() -> None:
    connection = compressed()
    unpacker = zlib.decompressobj(-15)
    for name in ("INBOX", "Box", "x" * 3000):
        tag = connection.send(commands.examine(name))
        assert unpacker.decompress(connection.data_to_send()).startswith(tag.encode() + b" EXAMINE ")
        assert connection.data_to_send() == b""


@pytest.mark.parametrize("size", [None, 1, 7, 4096])
def test_large_answers_are_the_same_however_they_come(size: int | None) -> None:
    text = ROW * 3000 + b"* 4 EXISTS\r\nA1 OK done\r\n"
    connection = compressed()
    events = feed(connection, packed(text[:100], text[100:50_000], text[50_000:]), size)
    assert [type(event) for event in events] == [FetchedRows, Exists, Tagged]
    assert isinstance(events[0], FetchedRows)
    assert len(events[0].rows) == 3000


@pytest.mark.parametrize("level", [0, 1, 9])
@pytest.mark.parametrize("strategy", [zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY, zlib.Z_FIXED])
def test_every_kind_of_block(level: int, strategy: int) -> None:
    connection = compressed()
    other = zlib.compressobj(level, zlib.DEFLATED, -15, 9, strategy)
    for number in range(5):
        octets = other.compress(b"* %d EXISTS\r\n" % number) + other.flush(zlib.Z_SYNC_FLUSH)
        assert feed(connection, octets) == [Exists(number)]


def test_a_text_exactly_as_long_as_is_unpacked_at_once() -> None:
    for extra in (-1, 0, 1):
        text = (b"* OK " + b"x" * (UNPACKED_OCTETS // 2 - 7) + b"\r\n") * 2
        octets = packed(text[: UNPACKED_OCTETS + extra], text[UNPACKED_OCTETS + extra :], b"* 7 EXISTS\r\n")
        assert feed(compressed(), octets)[-1] == Exists(7)


def test_a_bomb_takes_no_room() -> None:
    """100 MB of a body in 100 KB: a step at a time, and never more in memory than a step."""
    other, chunk = packer(), bytes(1_000_000)
    bomb = other.compress(b"* 1 FETCH (UID 5 BODY[] {1000000000}\r\n")
    bomb += b"".join(other.compress(chunk) for _ in range(100)) + other.flush(zlib.Z_SYNC_FLUSH)
    connection = compressed()
    tracemalloc.start()
    octets = 0
    for piece in pieces(bomb, 64 * KIB):
        connection.receive_data(piece)
        for event in unpack_all(connection):
            if isinstance(event, BodyChunk):
                assert len(event.data) <= UNPACKED_OCTETS
                octets += len(event.data)
            assert connection.held <= 64 * KIB + 2 * UNPACKED_OCTETS
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert octets == 100_000_000
    assert peak < 1000 * KIB


def test_a_line_without_an_end_is_refused_long_before_it_is_unpacked() -> None:
    connection = compressed()
    connection.receive_data(packed(b"* OK " + b"x" * 50_000_000))
    assert list(drain(connection)) == []
    connection.receive_data(b"")
    with pytest.raises(ImapProtocolError, match="too long"):
        connection.next_event()


def test_one_step_at_a_time() -> None:
    connection = compressed()
    connection.receive_data(packed(b"* 5 EXISTS\r\n" * 20_000))
    seen = list(drain(connection))
    assert 0 < len(seen) <= UNPACKED_OCTETS // 12
    assert connection.packed
    assert len(merged(unpack_all(connection))) + len(seen) == 20_000
    assert connection.next_event() == NeedData()


@pytest.mark.parametrize("octets", [b"* 5 EXISTS\r\n", b"\xff" * 40, zlib.compress(b"* 5 EXISTS\r\n")])
def test_what_is_not_packed_so(octets: bytes) -> None:
    connection = compressed()
    connection.receive_data(octets)
    for _ in range(2):
        with pytest.raises(ImapProtocolError, match="something else than the compressed octets"):
            connection.next_event()
    with pytest.raises(ImapProtocolError, match="something else"):
        connection.send(commands.noop())


def test_an_end_of_the_packed_octets_is_the_end() -> None:
    connection = compressed()
    other = packer()
    octets = other.compress(b"* 5 EXISTS\r\n") + other.flush(zlib.Z_FINISH)
    assert feed(connection, octets) == [Exists(5)]
    connection.receive_eof()
    assert connection.next_event() == Closed()
    connection = compressed()
    connection.receive_data(octets + b"* 5 EXISTS\r\n")
    assert connection.next_event() == Exists(5)
    connection.receive_data(b"")
    with pytest.raises(ImapProtocolError, match="behind the end"):
        connection.next_event()


def test_closed_in_the_middle_of_a_response() -> None:
    connection = compressed()
    connection.receive_data(packed(b"* 5 EXI"))
    connection.receive_eof()
    with pytest.raises(ImapProtocolError, match="middle of a response"):
        list(unpack_all(connection))


def test_closed_with_the_ok_of_it() -> None:
    connection = ready()
    connection.send(commands.compress())
    connection.receive_data(b"A2 OK go\r\n" + packed(b"* BYE no\r\n"))
    connection.receive_eof()
    assert [type(event).__name__ for event in unpack_all(connection)] == ["Tagged", "Status", "Closed"]


def test_nothing_may_be_sent_before_the_answer() -> None:
    connection = ready()
    connection.send(commands.compress())
    with pytest.raises(ImapMisuse, match="while COMPRESS is open"):
        connection.send(commands.noop())


@pytest.mark.parametrize("command", [commands.compress(), commands.starttls()])
def test_not_twice_and_no_tls_inside(command: commands.Command) -> None:
    with pytest.raises(ImapMisuse, match="once all is compressed"):
        compressed().send(command)
