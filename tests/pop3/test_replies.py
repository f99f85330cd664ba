"""Status lines, and the rule that each request is answered once, by a reply of its kind."""

from collections.abc import Callable

import pytest

from bridge.model.secret import Secret
from bridge.pop3 import Features, Login, NeedData, Pop3Connection
from bridge.pop3.features import capabilities
from bridge.pop3.replies import error_line, ok_line
from bridge.pop3.states import State
from tests.pop3.responder import CLEAR

Reply = Callable[[Pop3Connection], None]


def asked(command: bytes) -> Pop3Connection:
    """A connection in TRANSACTION that has just been asked this."""
    connection = Pop3Connection(CLEAR)
    connection.receive_data(b"USER fax\r\nPASS secret\r\n" + command + b"\r\n")
    connection.next_event()
    connection.login_accepted(1, 1)
    connection.next_event()
    connection.data_to_send()
    return connection


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (ok_line(), b"+OK\r\n"),
        (ok_line("bye"), b"+OK bye\r\n"),
        (error_line("no"), b"-ERR no\r\n"),
        (error_line("later", "SYS/TEMP"), b"-ERR [SYS/TEMP] later\r\n"),
        (error_line("a\r\n+OK b\0\x7f"), b"-ERR a+OK b\r\n"),
        (error_line("später"), b"-ERR sp?ter\r\n"),
        (error_line("[AUTH] not a code"), b"-ERR ([AUTH] not a code\r\n"),
        (ok_line("x" * 600), b"+OK " + b"x" * 506 + b"\r\n"),
    ],
)
def test_status_lines(line: bytes, wanted: bytes) -> None:
    assert line == wanted


def _end_message_in_a_line(connection: Pop3Connection) -> None:
    connection.begin_message()
    connection.message(b"no end")
    connection.end_message()


def _error_in_a_message(connection: Pop3Connection) -> None:
    connection.begin_message()
    connection.error("too late")


def _error_in_a_listing(connection: Pop3Connection) -> None:
    connection.begin_lines()
    connection.error("too late")


def _begin_twice(connection: Pop3Connection) -> None:
    connection.begin_message()
    connection.begin_message()


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        (b"NOOP", lambda connection: connection.ok()),
        (b"STAT", lambda connection: connection.ok()),
        (b"DELE 1", lambda connection: connection.stat(1, 1)),
        (b"UIDL", lambda connection: connection.error("no")),
        (b"UIDL 1", lambda connection: connection.begin_lines()),
        (b"LIST", lambda connection: connection.begin_message()),
        (b"LIST", lambda connection: connection.end_lines()),
        (b"LIST", _error_in_a_listing),
        (b"RETR 1", lambda connection: connection.message(b"a\r\n")),
        (b"RETR 1", _end_message_in_a_line),
        (b"RETR 1", _error_in_a_message),
        (b"RETR 1", _begin_twice),
        (b"QUIT", lambda connection: connection.ok()),
        (b"RSET", lambda connection: connection.tls_started(CLEAR)),
        (b"RSET", lambda connection: connection.login_accepted(1, 1)),
    ],
)
def test_a_reply_of_another_kind_is_a_mistake_of_ours(command: bytes, reply: Reply) -> None:
    connection = asked(command)
    with pytest.raises(AssertionError):
        reply(connection)


def test_a_second_reply_is_one_too() -> None:
    connection = asked(b"DELE 1")
    connection.ok()
    with pytest.raises(AssertionError):
        connection.ok()


def test_an_error_can_close() -> None:
    connection = asked(b"RETR 1\r\nRETR 2")
    connection.error("the connection is closed", "SYS/TEMP", close=True)
    assert str(connection.next_event()) == "Closed(reason='refused')"
    assert connection.data_to_send() == b"-ERR [SYS/TEMP] the connection is closed\r\n"


@pytest.mark.parametrize(("command", "state"), [(b"QUIT", State.CLOSED), (b"RETR 1", State.TRANSACTION)])
def test_error_fits_any_request(command: bytes, state: State) -> None:
    connection = asked(command)
    connection.error("no", "SYS/TEMP")
    assert connection.data_to_send() == b"-ERR [SYS/TEMP] no\r\n"
    assert connection.state is state


def test_states_on_the_way() -> None:
    connection = asked(b"QUIT")
    states = [connection.state]
    connection.quit_accepted()
    assert [*states, connection.state] == [State.UPDATE, State.CLOSED]


def test_quit_before_a_login_has_nothing_to_update() -> None:
    connection = Pop3Connection(CLEAR)
    connection.receive_data(b"QUIT\r\n")
    connection.next_event()
    assert connection.state is State.AUTHORIZATION


def test_a_chunk_without_dots_is_sent_uncopied() -> None:
    connection = asked(b"RETR 1")
    connection.begin_message(10)
    connection.data_to_send()
    chunk = b"12345678\r\n"
    connection.message(chunk)
    assert connection.data_to_send() is chunk


def test_no_password_is_shown() -> None:
    connection = Pop3Connection(CLEAR)
    connection.receive_data(b"AUTH PLAIN AGZheABzZWNyZXQ=\r\n")
    login = connection.next_event()
    assert login == Login("fax", Secret("secret"), "PLAIN")
    assert "secret" not in repr(login)
    assert connection.next_event() == NeedData()


@pytest.mark.parametrize(
    ("features", "line"),
    [
        (Features(tls=False, passwords=False, expire="30"), b"EXPIRE 30"),
        (Features(tls=False, passwords=False, login_delay=60), b"LOGIN-DELAY 60"),
        (Features(tls=True, passwords=False), b"STLS"),
        (Features(tls=False, passwords=True), b"USER"),
    ],
)
def test_capabilities_on_demand(features: Features, line: bytes) -> None:
    assert line in capabilities(features, State.AUTHORIZATION)
    assert line not in capabilities(Features(tls=False, passwords=False, expire=None), State.AUTHORIZATION)
