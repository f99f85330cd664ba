"""What may be sent when, and what is remembered of what was said."""

import pytest

from bridge.imap import ImapConnection, ImapMisuse, ImapProtocolError, commands
from bridge.imap.events import Continuation, NeedData
from bridge.model.secret import Secret
from tests.imap.feeding import feed


def greeted(line: bytes = b"* OK ready") -> ImapConnection:
    connection = ImapConnection()
    feed(connection, line + b"\r\n")
    return connection


def test_nothing_to_say_and_nothing_heard() -> None:
    connection = ImapConnection()
    assert connection.next_event() == NeedData()
    assert connection.data_to_send() == b""
    connection.receive_data(b"")
    assert connection.next_event() == NeedData()


@pytest.mark.parametrize("command", [commands.idle(), commands.starttls(), commands.authenticate("PLAIN")])
def test_nothing_is_sent_beside_an_exchange(command: commands.Command) -> None:
    connection = greeted()
    tag = connection.send(command)
    sent = connection.data_to_send()
    with pytest.raises(ImapMisuse, match=command.name):
        connection.send(commands.noop())
    assert connection.open_tags == (tag,)
    feed(connection, tag.encode() + b" NO not now\r\n")
    assert connection.data_to_send() == b""
    assert connection.send(commands.noop()) == "A2"
    assert connection.data_to_send() == b"A2 NOOP\r\n"
    assert sent.startswith(b"A1 ")


def test_login_respects_logindisabled() -> None:
    connection = greeted(b"* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] ready")
    with pytest.raises(ImapMisuse, match="LOGINDISABLED"):
        connection.send(commands.login("fred", Secret("x")))
    assert connection.data_to_send() == b""
    assert connection.open_tags == ()


def test_idling() -> None:
    connection = greeted()
    assert not connection.idling
    connection.send(commands.idle())
    assert connection.idling
    feed(connection, b"+ idling\r\n")
    assert connection.idling
    connection.end_idle()
    assert not connection.idling
    assert connection.open_tags == ("A1",)


def test_an_exchange_waits_behind_a_literal() -> None:
    connection = greeted()
    connection.send(commands.search(["BODY", b"\xff"]))
    connection.send(commands.idle())
    assert connection.data_to_send() == b"A1 UID SEARCH CHARSET UTF-8 BODY {1}\r\n"
    feed(connection, b"+\r\n")
    assert connection.data_to_send() == b"\xff\r\nA2 IDLE\r\n"
    feed(connection, b"+\r\n")
    connection.end_idle()
    assert connection.data_to_send() == b"DONE\r\n"


def test_a_command_that_waits_cannot_be_answered() -> None:
    connection = greeted()
    connection.send(commands.search(["BODY", b"\xff"]))
    connection.send(commands.noop())
    with pytest.raises(ImapProtocolError, match="never sent"):
        feed(connection, b"A2 OK\r\n")
    with pytest.raises(ImapProtocolError, match="never sent"):
        connection.send(commands.noop())


def test_answers_may_come_in_any_order_but_once() -> None:
    connection = greeted()
    assert [connection.send(commands.noop()) for _ in range(3)] == ["A1", "A2", "A3"]
    feed(connection, b"A3 OK\r\nA1 OK\r\n")
    assert connection.open_tags == ("A2",)
    with pytest.raises(ImapProtocolError, match="never sent"):
        feed(connection, b"A1 OK\r\n")


class TestCapabilities:
    def test_from_each_place(self) -> None:
        connection = greeted(b"* OK [CAPABILITY imap4rev1 A] ready")
        assert connection.capabilities == {"IMAP4REV1", "A"}
        feed(connection, b"* CAPABILITY IMAP4rev1 B\r\n")
        assert connection.capabilities == {"IMAP4REV1", "B"}
        feed(connection, b"* OK [CAPABILITY IMAP4rev1 C] x\r\n")
        assert connection.capabilities == {"IMAP4REV1", "C"}
        connection.send(commands.noop())
        feed(connection, b"A1 OK [CAPABILITY D] x\r\n")
        assert connection.capabilities == {"D"}

    def test_not_from_a_refusal(self) -> None:
        connection = greeted(b"* OK [CAPABILITY A] ready")
        connection.send(commands.noop())
        feed(connection, b"A1 NO [CAPABILITY B] x\r\n* NO [CAPABILITY C]\r\n")
        assert connection.capabilities == {"A"}

    @pytest.mark.parametrize(
        ("answer", "then"),
        [
            (b"A1 OK in\r\n", set()),
            (b"A1 NO [AUTHENTICATIONFAILED] no\r\n", {"A"}),
            (b"A1 OK [CAPABILITY B] in\r\n", {"B"}),
            (b"* CAPABILITY B\r\nA1 OK in\r\n", {"B"}),
            (b"* OK [CAPABILITY B] told\r\nA1 OK in\r\n", {"B"}),
        ],
    )
    @pytest.mark.parametrize(
        "sign_in",
        [commands.login("a", Secret("b")), commands.authenticate("PLAIN", b"\0a\0b")],
    )
    def test_signing_in(self, sign_in: commands.Command, answer: bytes, then: set[str]) -> None:
        connection = greeted(b"* OK [CAPABILITY A] ready")
        connection.send(sign_in)
        feed(connection, answer)
        assert connection.capabilities == then

    def test_an_answer_from_before_the_sign_in_is_forgotten(self) -> None:
        connection = greeted()
        connection.send(commands.capability())
        connection.send(commands.login("a", Secret("b")))
        feed(connection, b"* CAPABILITY A\r\nA1 OK\r\nA2 OK\r\n")
        assert connection.capabilities == frozenset()


class TestStartTls:
    def granted(self) -> ImapConnection:
        connection = greeted(b"* OK [CAPABILITY A STARTTLS] ready")
        connection.send(commands.starttls())
        feed(connection, b"A1 OK begin\r\n")
        return connection

    def test_everything_is_forgotten(self) -> None:
        connection = self.granted()
        connection.tls_started()
        assert connection.capabilities == frozenset()
        assert connection.next_event() == NeedData()
        assert connection.send(commands.capability()) == "A2"

    def test_nothing_is_sent_before_tls(self) -> None:
        with pytest.raises(ImapMisuse, match="before TLS"):
            self.granted().send(commands.noop())

    def test_octets_that_come_later_are_as_bad(self) -> None:
        connection = self.granted()
        connection.receive_data(b"*")
        with pytest.raises(ImapProtocolError, match="behind the OK"):
            connection.next_event()

    def test_octets_found_at_the_upgrade_are_as_bad(self) -> None:
        connection = self.granted()
        connection.receive_data(b"* OK hi\r\n")
        with pytest.raises(ImapProtocolError, match="behind the OK"):
            connection.tls_started()
        with pytest.raises(ImapProtocolError, match="behind the OK"):
            connection.next_event()

    def test_octets_with_the_answer_are_as_bad(self) -> None:
        connection = greeted()
        connection.send(commands.starttls())
        with pytest.raises(ImapProtocolError, match="behind the OK"):
            feed(connection, b"A1 OK begin\r\n* PREAUTH hi\r\n")

    def test_a_refusal_changes_nothing(self) -> None:
        connection = greeted(b"* OK [CAPABILITY A] ready")
        connection.send(commands.starttls())
        feed(connection, b"A1 NO not today\r\n* 5 EXISTS\r\n")
        assert connection.capabilities == {"A"}
        with pytest.raises(ImapMisuse):
            connection.tls_started()


class TestChallenges:
    def test_each_is_responded_to_once(self) -> None:
        connection = greeted()
        connection.send(commands.authenticate("CRAM-MD5"))
        connection.data_to_send()
        with pytest.raises(ImapMisuse, match="no challenge"):
            connection.respond(b"early")
        [challenge] = feed(connection, b"+ PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\r\n")
        assert isinstance(challenge, Continuation)
        assert challenge.challenge == b"<1896.697170952@postoffice.reston.mci.net>"
        connection.respond(b"tim b913a602c7eda7a495b4e6e7334d3890")
        assert connection.data_to_send() == b"dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw\r\n"
        with pytest.raises(ImapMisuse, match="no challenge"):
            connection.respond(b"again")

    def test_none_is_left_over_for_the_next_command(self) -> None:
        connection = greeted()
        connection.send(commands.authenticate("PLAIN"))
        feed(connection, b"+ \r\nA1 NO changed my mind\r\n")
        with pytest.raises(ImapMisuse, match="no challenge"):
            connection.respond(b"late")

    def test_a_literal_is_no_challenge(self) -> None:
        connection = greeted()
        connection.send(commands.login("a", Secret("\xe4")))
        feed(connection, b"+ go on\r\n")
        with pytest.raises(ImapMisuse, match="no challenge"):
            connection.respond(b"")

    @pytest.mark.parametrize("text", [b"what now?", b"AGZ", "\xe4".encode(), b"====", b"\xff\xff"])
    def test_what_is_no_base64(self, text: bytes) -> None:
        connection = greeted()
        connection.send(commands.authenticate("PLAIN"))
        [challenge] = feed(connection, b"+ " + text + b"\r\n")
        assert isinstance(challenge, Continuation)
        assert challenge.challenge is None

    def test_nothing_of_one_is_shown(self) -> None:
        connection = greeted()
        connection.send(commands.authenticate("PLAIN"))
        [challenge] = feed(connection, b"+ c2VjcmV0\r\n")
        assert "c2VjcmV0" not in repr(challenge)
