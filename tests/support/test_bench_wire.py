"""The benchmark's device sees every message whole, however its octets are cut."""

import math
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

import pytest

from tests.bench.device import Device
from tests.bench.mailboxes import message
from tests.bench.wire import Failed, Login, Pop3

BODY = b"Subject: x\r\n\r\n..\r\n...\r\n.\r.\r\nend\r\n"
REPLY = b"+OK 30 octets\r\n" + BODY + b".\r\n"


def _answer(line: bytes, messages: int) -> bytes:
    word, _, argument = line.partition(b" ")
    if word == b"RETR":
        return REPLY if int(argument) <= messages else b"-ERR no such message\r\n"
    if word == b"UIDL":
        return b"+OK\r\n" + b"".join(b"%d id%d\r\n" % (n, n) for n in range(1, messages + 1)) + b".\r\n"
    return b"+OK %d %d\r\n" % (messages, messages * len(BODY))


def _serve(listener: socket.socket, messages: int, piece: int) -> None:
    while True:
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A device that gives up closes with replies unread, which resets the connection.
        with suppress(ConnectionError), sock, sock.makefile("rb", 65536) as lines:
            sock.sendall(b"+OK hello\r\n")
            for line in lines:
                out = _answer(line.strip(), messages)
                for at in range(0, len(out), piece):
                    sock.sendall(out[at : at + piece])


@contextmanager
def _server(messages: int, piece: int = 65536) -> Iterator[Login]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, messages, piece))
        thread.start()
        yield Login("127.0.0.1", listener.getsockname()[1], "anna", "secret", "127.1.2.3", patience=20)
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


@pytest.mark.parametrize("piece", [1, 3, 4, 7, 65536])
@pytest.mark.parametrize("outstanding", [1, 4])
def test_every_message_is_counted_once(piece: int, outstanding: int) -> None:
    with _server(50, piece) as login, Pop3(login) as pop3:
        pop3.log_in()
        assert pop3.stat() == 50
        assert pop3.listing(b"UIDL").count(b" id") == 50
        if outstanding > 1:
            fetched = pop3.retrieve_pipelined(range(1, 51), math.inf, outstanding)
        else:
            fetched = pop3.retrieve_each(range(1, 51), math.inf)
        assert fetched == (50, 50 * len(REPLY))
        pop3.quit()


@pytest.mark.parametrize("outstanding", [1, 4])
def test_after_the_time_nothing_more_is_asked_for(outstanding: int) -> None:
    with _server(50) as login, Pop3(login) as pop3:
        if outstanding > 1:
            assert pop3.retrieve_pipelined(range(1, 51), -math.inf, outstanding) == (0, 0)
        else:
            assert pop3.retrieve_each(range(1, 51), -math.inf) == (1, len(REPLY))


@pytest.mark.parametrize("outstanding", [1, 4])
def test_a_refused_message_is_no_message(outstanding: int) -> None:
    with _server(2) as login, Pop3(login) as pop3:
        fetch = partial(pop3.retrieve_pipelined, outstanding=outstanding) if outstanding > 1 else pop3.retrieve_each
        with pytest.raises(Failed):
            fetch(range(1, 5), math.inf)


def test_many_devices_in_their_own_process() -> None:
    with Device() as device, _server(12) as login:
        assert device.poll(login, 12) > 0
        assert device.poll_and_fetch(login, 2, 12) > 0
        assert device.retrieve(login, 1, 12).octets == 12 * len(REPLY)
        with pytest.raises(Failed, match="12 messages, 12 unique-ids, not 13"):
            device.poll(login, 13)
        with pytest.raises(Failed, match="no such message"):
            device.retrieve(login, 1, 13)


@pytest.mark.parametrize("octets", [400, 2048, 8192])
def test_messages_have_their_size(octets: int) -> None:
    messages = [message(number, octets) for number in range(1, 200)]
    assert {len(each) for each in messages} == {octets}
    assert len(set(messages)) == len(messages)
    assert {each.count(b"\r\n") for each in messages} == {each.count(b"\r") for each in messages}
    assert all(each.endswith(b"\r\n") and each.count(b"\r\n\r\n") == 1 for each in messages)
