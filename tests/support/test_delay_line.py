"""What the line counts is what crossed it, and nothing is lost or turned round on it."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.support.delay_line import HOST, Counts, DelayLine
from tests.support.ports import free_ports, wait_until

GREETING = b"hello\r\n"


def _serve(listener: socket.socket, heard: list[bytes]) -> None:
    """Take connections until the listener is shut down, each in a thread of its own."""
    with contextlib.ExitStack() as threads:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=_talk, args=(sock, heard))
            thread.start()
            threads.callback(thread.join, 10)


def _talk(sock: socket.socket, heard: list[bytes]) -> None:
    """Greet, answer each piece with itself twice, and say goodbye when the client ends its half."""
    with sock, contextlib.suppress(OSError):
        sock.sendall(GREETING)
        while data := sock.recv(65536):
            heard.append(data)
            sock.sendall(data * 2)
        sock.sendall(b"bye\r\n")


@pytest.fixture
def heard() -> list[bytes]:
    return []


@pytest.fixture
def server(heard: list[bytes]) -> Iterator[int]:
    with socket.create_server((HOST, 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, heard))
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


@contextlib.contextmanager
def _connected(line: DelayLine) -> Iterator[socket.socket]:
    with socket.create_connection((HOST, line.port), timeout=20) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield sock


def _take(sock: socket.socket, octets: int) -> bytes:
    taken = b""
    while len(taken) < octets and (data := sock.recv(octets - len(taken))):
        taken += data
    return taken


@pytest.mark.parametrize("round_trip", [0.0, 0.02])
def test_it_counts_octets_and_round_trips(server: int, round_trip: float) -> None:
    with DelayLine(server) as line:
        line.set_round_trip(round_trip)
        with _connected(line) as sock:
            assert _take(sock, len(GREETING)) == GREETING
            for piece in (b"one\r\n", b"two\r\n"):
                sock.sendall(piece)
                assert _take(sock, 2 * len(piece)) == piece * 2
            sock.shutdown(socket.SHUT_WR)
            assert _take(sock, 100) == b"bye\r\n"
        assert line.counts() == Counts(connections=1, up=10, down=len(GREETING) + 20 + 5, round_trips=2)


def test_what_was_not_waited_for_is_no_round_trip_of_its_own(server: int) -> None:
    with DelayLine(server) as line, _connected(line) as sock:
        _take(sock, len(GREETING))
        before = line.counts()
        line.set_round_trip(1.0)
        sock.sendall(b"first ")
        wait_until(lambda: line.counts().up == 6, 20, "the first half")
        sock.sendall(b"second")
        assert _take(sock, 24).count(b"second") == 2
        assert (line.counts() - before).round_trips == 1


def test_a_long_line_is_slower_than_a_short_one(server: int, heard: list[bytes]) -> None:
    with DelayLine(server) as long, DelayLine(server) as short, _connected(long) as slow, _connected(short) as quick:
        _take(slow, len(GREETING))
        _take(quick, len(GREETING))
        long.set_round_trip(60)
        slow.sendall(b"long")
        quick.sendall(b"short")
        assert _take(quick, 10) == b"shortshort"
        assert heard == [b"short"]


@pytest.mark.parametrize("window", [0, 10_000])
def test_large_pieces_arrive_whole_and_in_order_while_the_delay_changes(
    server: int, heard: list[bytes], window: int
) -> None:
    sent = b"".join(b"%07d\n" % at for at in range(100_000))
    with DelayLine(server, window) as line, _connected(line) as sock:
        _take(sock, len(GREETING))
        got: list[bytes] = []
        reader = threading.Thread(target=lambda: got.append(_take(sock, 2 * len(sent))))
        reader.start()
        for at in range(0, len(sent), 80_000):
            line.set_round_trip(0.004 if at % 160_000 else 0.0)
            sock.sendall(sent[at : at + 80_000])
        reader.join(60)
        assert b"".join(heard) == sent
        assert got == [b"".join(piece * 2 for piece in heard)]


def test_a_server_that_is_not_there_closes(server: int) -> None:
    with DelayLine(free_ports(1)[0]) as line, _connected(line) as sock:
        assert sock.recv(1) == b""
        assert line.counts().connections == 1


def test_a_server_that_is_lost_is_lost_for_the_client(server: int) -> None:
    with (
        socket.create_server((HOST, 0)) as listener,
        DelayLine(listener.getsockname()[1]) as line,
        _connected(line) as sock,
    ):
        taken, _ = listener.accept()
        taken.sendall(GREETING)
        assert _take(sock, len(GREETING)) == GREETING
        taken.close()
        assert sock.recv(1) == b""
