"""Any octets, in every state: nothing raises, no octet is looked at over and over, and cutting never shows."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.pop3 import Closed, Pop3Connection, Quit, State
from bridge.pop3.reader import CLOSE_LIMIT
from tests.pop3.responder import Heard, connection

REPLIES = re.compile(
    rb"""(?: (?:\+OK|-ERR|\+[ ]) [ -~]* \r\n               # a status line or a challenge,
         (?: (?: (?![+-]) [^\r\n]* \r\n )*? \. \r\n )? )*   # and the lines behind it, up to the dot
    """,
    re.VERBOSE,
)

WORDS = [
    *(b"USER PASS APOP AUTH STLS CAPA QUIT STAT LIST UIDL RETR TOP DELE LAST RSET NOOP XTND user fax odd".split()),
    *(b"PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256".split()),
    *(b" |\t|\r|\n|\r\n|\0|.|*|=|1|2|0|-1|1_0|\xd9\xa1|GET / HTTP/1.0|\x16\x03\x01".split(b"|")),
    *(b"AGZheABzZWNyZXQ=|ZmF4|biwsbj1mYXgscj1n|Yz1iaXdzLHI9Z25vbmNlLHA9c2lnbg==".split(b"|")),
    b"9" * 300,
    b"x" * 3000,
]
COMMANDS = {
    *("USER", "PASS", "APOP", "AUTH", "STLS", "CAPA", "QUIT"),
    *("STAT", "LIST", "UIDL", "RETR", "TOP", "DELE", "LAST", "RSET", "NOOP"),
}
lines = st.lists(st.sampled_from(WORDS), max_size=4).map(b" ".join)
talk = st.lists(lines, max_size=12).map(b"\r\n".join) | st.lists(st.sampled_from(WORDS)).map(b"".join) | st.binary()
cuts = st.lists(st.integers(0, 40), max_size=30)


def fresh() -> Pop3Connection:
    """Nothing was said yet."""
    return connection()


def after(*said: bytes) -> Callable[[], Pop3Connection]:
    """Make a connection to which this was said, and everything answered."""

    def build() -> Pop3Connection:
        connection = fresh()
        Heard(connection).feed(said)
        return connection

    build.__name__ = b"".join(said[-1:]).partition(b" ")[0].strip().decode().lower()
    return build


def unanswered(*said: bytes) -> Callable[[], Pop3Connection]:
    """Make a connection whose last request is still open."""

    def build() -> Pop3Connection:
        connection = after(*said[:-1])()
        connection.receive_data(said[-1])
        connection.next_event()
        return connection

    build.__name__ = "open " + said[-1].split()[0].decode().lower()
    return build


LOGIN = b"USER fax\r\nPASS secret\r\n"
STATES = [
    fresh,
    after(b"USER fax\r\n"),
    after(b"AUTH PLAIN\r\n"),
    after(b"AUTH LOGIN\r\n"),
    after(b"AUTH CRAM-MD5\r\n"),
    after(b"AUTH SCRAM-SHA-256 biwsbj1mYXgscj1n\r\n"),
    after(b"AUTH SCRAM-SHA-1 biwsbj1mYXgscj1n\r\n", b"Yz1iaXdzLHI9Z25vbmNlLHA9c2lnbg==\r\n"),
    after(b"STLS\r\n"),
    after(LOGIN),
    after(LOGIN, b"QUIT\r\n"),
    after(b"half a line"),
]
OPEN = [
    unanswered(LOGIN),
    unanswered(b"STLS\r\n"),
    unanswered(LOGIN, b"UIDL\r\n"),
    unanswered(LOGIN, b"RETR 1\r\n"),
    unanswered(LOGIN, b"QUIT\r\n"),
]

in_every_state = pytest.mark.parametrize("build", STATES, ids=lambda build: build.__name__)


def pieces(octets: bytes, sizes: list[int]) -> list[bytes]:
    """Cut octets into pieces of these sizes, the rest in one."""
    out = []
    for size in sizes:
        out.append(octets[:size])
        octets = octets[size:]
    return [*out, octets]


@in_every_state
@given(octets=talk, sizes=cuts)
def test_cutting_never_shows(build: Callable[[], Pop3Connection], octets: bytes, sizes: list[int]) -> None:
    # All of STLS's successors are dropped when they came with it, so the two feedings may differ there.
    octets = octets.upper().replace(b"STLS", b"NOOP")
    whole, cut = Heard(build()).feed([octets]), Heard(build()).feed(pieces(octets, sizes))
    assert (cut.events, cut.sent) == (whole.events, whole.sent)
    assert cut.connection.state is whole.connection.state


@in_every_state
@given(octets=talk, sizes=cuts)
def test_costs_are_bounded(build: Callable[[], Pop3Connection], octets: bytes, sizes: list[int]) -> None:
    connection = build()
    scanned, held = connection.scanned, connection.buffered
    heard = Heard(connection).feed(pieces(octets, sizes))
    assert connection.scanned - scanned <= 3 * (len(octets) + held)
    assert heard.most_held <= CLOSE_LIMIT


@in_every_state
@given(octets=talk)
def test_only_proper_lines_are_sent(build: Callable[[], Pop3Connection], octets: bytes) -> None:
    sent = Heard(build()).feed([octets]).sent
    assert REPLIES.fullmatch(sent)
    assert all(len(line) <= 510 for line in sent.split(b"\r\n"))


@in_every_state
@given(octets=talk)
def test_the_end_of_the_device_closes(build: Callable[[], Pop3Connection], octets: bytes) -> None:
    heard = Heard(build()).feed([octets]).end()
    assert isinstance(heard.events[-1], Closed)
    assert heard.connection.state is State.CLOSED
    assert heard.connection.next_event() == heard.events[-1]


@pytest.mark.parametrize("build", [fresh, after(LOGIN)], ids=["before login", "after it"])
@given(line=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=250))
def test_a_line_that_is_no_command_is_an_error_and_the_session_lives(
    build: Callable[[], Pop3Connection], line: str
) -> None:
    connection = build()
    if line.partition(" ")[0].upper() in COMMANDS or line.startswith(("GET ", "POST ", "HEAD ", "PUT ")):
        line = f"Z{line}"[:250]
    heard = Heard(connection).feed([f"{line}\r\nCAPA\r\n".encode()])
    refusal, _, rest = heard.sent.partition(b"\r\n")
    assert refusal.startswith(b"-ERR ")
    assert rest.startswith(b"+OK")
    assert heard.events == []


@pytest.mark.parametrize("build", OPEN, ids=lambda build: build.__name__)
@given(octets=talk)
def test_nothing_is_asked_while_a_request_is_open(build: Callable[[], Pop3Connection], octets: bytes) -> None:
    connection = build()
    before = connection.data_to_send()
    heard = Heard(connection).feed([octets]).end()
    assert (heard.events, heard.sent) == ([], b"")
    assert before == b"" or before.endswith(b"\r\n")


@given(octets=talk)
def test_behind_quit_nothing_is_kept(octets: bytes) -> None:
    connection = after(LOGIN)()
    connection.receive_data(b"QUIT\r\n" + octets)
    assert connection.next_event() == Quit()
    connection.receive_data(octets)
    assert connection.buffered == 0
