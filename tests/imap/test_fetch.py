"""FETCH responses: bodies that stream, and everything around them."""

import pytest

from bridge.imap import ImapProtocolError
from bridge.imap.events import BodyBegin, BodyChunk, BodyEnd, Event, Fetched, FetchedRow, FetchedRows
from tests.imap.feeding import drain, feed, ready

DATE = 837596665
CASES: list[tuple[bytes, list[Event]]] = [
    (b"* 1 FETCH ()", [Fetched(1)]),
    (b"* 12 fetch (uid 7)", [Fetched(12, 7)]),
    (
        b'* 2 FETCH (INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 4286 FLAGS (\\seen NonJunk) UID 5)',
        [Fetched(2, 5, 4286, DATE, frozenset({"\\Seen", "NonJunk"}))],
    ),
    (
        b'* 2 FETCH (UID 5 RFC822.SIZE 4286 INTERNALDATE "17-Jul-1996 02:44:25 -0700")',
        [FetchedRows([FetchedRow(2, 5, 4286, DATE, "")])],
    ),
    (
        b'* 2 FETCH (RFC822.SIZE 4 EMAILID (M-1_a) UID 5 X-GM-MSGID 7 INTERNALDATE "17-Jul-1996 02:44:25 -0700")',
        [FetchedRows([FetchedRow(2, 5, 4, DATE, "emailid:M-1_a")])],
    ),
    (
        b'* 2 FETCH (UID 5 RFC822.SIZE 4286 INTERNALDATE "37-Jul-1996 02:44:25 -0700")',
        [Fetched(2, 5, 4286, None)],
    ),
    (b"* 2 FETCH (RFC822.SIZE NIL UID 5 INTERNALDATE NIL FLAGS NIL)", [Fetched(2, 5, None, None, frozenset())]),
    (b"* 2 FETCH (UID 5 MODSEQ (624140003))", [Fetched(2, 5, modseq=624140003)]),
    (b"* 2 FETCH (MODSEQ (9223372036854775807))", [Fetched(2, modseq=2**63 - 1)]),
    (b"* 2 FETCH (UID 4294967295 RFC822.SIZE 9223372036854775807)", [Fetched(2, 2**32 - 1, 2**63 - 1)]),
    (b"* 2 FETCH (EMAILID (M6d99ac3275bb4e) THREADID NIL)", [Fetched(2, identity="emailid:M6d99ac3275bb4e")]),
    (b"* 2 FETCH (EMAILID NIL X-GM-MSGID 18446744073709551615)", [Fetched(2, identity=f"gmail:{2**64 - 1}")]),
    (b"* 2 FETCH (EMAILID (M/6))", [Fetched(2)]),
    (b"* 2 FETCH (X-GM-MSGID 007)", [Fetched(2, identity="gmail:7")]),
    (b'* 2 FETCH (ENVELOPE ("d" {1}\r\n( NIL ((NIL NIL "a" "b"))) UID 5)', [Fetched(2, 5)]),
    (b"* 2 FETCH (UID 5 BODY (BODY[] {1} x))", [Fetched(2, 5)]),
    (
        b"* 2 FETCH (UID 5 BODY[] {4}\r\n)\r\n\0)",
        [BodyBegin(2, 5, "", None, 4), BodyChunk(b")\r\n\0"), BodyEnd(), Fetched(2, 5)],
    ),
    (
        b"* 2 FETCH (BODY[]<1024> ~{1}\r\nx UID 5)",
        [BodyBegin(2, None, "", 1024, 1), BodyChunk(b"x"), BodyEnd(), Fetched(2, 5)],
    ),
    (b"* 2 FETCH (BODY[1.2.mime] {0}\r\n)", [BodyBegin(2, None, "1.2.MIME", None, 0), BodyEnd(), Fetched(2)]),
    (
        b'* 2 FETCH (BODY[TEXT] "a\\"\xfc" UID 5)',
        [BodyBegin(2, 5, "TEXT", None, 3), BodyChunk(b'a"\xfc'), BodyEnd(), Fetched(2, 5)],
    ),
    (b"* 2 FETCH (BODY[]<0> NIL)", [BodyBegin(2, None, "", 0, 0, missing=True), BodyEnd(), Fetched(2)]),
    (b'* 2 FETCH (BODY[] "")', [BodyBegin(2, None, "", None, 0), BodyEnd(), Fetched(2)]),
    (
        b"* 2 FETCH (BODY[HEADER] {2}\r\nab BODY[TEXT] {3}\r\ncde UID 9)",
        [
            BodyBegin(2, None, "HEADER", None, 2),
            BodyChunk(b"ab"),
            BodyEnd(),
            BodyBegin(2, None, "TEXT", None, 3),
            BodyChunk(b"cde"),
            BodyEnd(),
            Fetched(2, 9),
        ],
    ),
    (
        b'* 2 FETCH (UID 5 BODY[HEADER.FIELDS ("Message-ID")] {3}\r\na\r\n)',
        [Fetched(2, 5, sections={"HEADER.FIELDS (MESSAGE-ID)": b"a\r\n"})],
    ),
    (b"* 2 FETCH (BODY[HEADER.FIELDS (A)] NIL)", [Fetched(2, sections={"HEADER.FIELDS (A)": b""})]),
    (b"* 2 FETCH (BODY[2.header.fields  (a)] {0}\r\n)", [Fetched(2, sections={"2.HEADER.FIELDS (A)": b""})]),
    (
        b'* 2 FETCH (BODY[HEADER.FIELDS (X "a]")] "y" UID 1)',
        [Fetched(2, 1, sections={"HEADER.FIELDS (X A])": b"y"})],
    ),
]


@pytest.mark.parametrize(("octets", "events"), CASES, ids=lambda value: repr(value)[:70])
class TestFetch:
    def test_whole(self, octets: bytes, events: list[Event]) -> None:
        assert feed(ready(), octets + b"\r\n") == events

    def test_octet_by_octet(self, octets: bytes, events: list[Event]) -> None:
        assert feed(ready(), octets + b"\r\n", 1) == events

    def test_with_a_tail(self, octets: bytes, events: list[Event]) -> None:
        connection = ready()
        assert feed(connection, octets + b"\r\n* 7 FETCH (UI") == events
        assert feed(connection, b"D 8)\r\n") == [Fetched(7, 8)]


@pytest.mark.parametrize(
    "octets",
    [
        b"* 0 FETCH (UID 1)",
        b"* 1 FETCH (UID 0)",
        b"* 1 FETCH (UID x)",
        b'* 1 FETCH (UID "1")',
        b"* 1 FETCH (UID 4294967296)",
        b"* 1 FETCH (UID 1_0)",
        b"* 1 FETCH (UID +1)",
        "* 1 FETCH (UID ١)".encode(),
        b"* 1 FETCH (UID)",
        b'* 1 FETCH ("UID" 1)',
        b"* 1 FETCH ((UID) 1)",
        b"* 1 FETCH",
        b"* 1 FETCH UID 1",
        b"* 1 FETCH (UID 1) (UID 1)",
        b"* 1 FETCH (UID 1",
        b"* 1 FETCH (RFC822.SIZE 9223372036854775808)",
        b"* 1 FETCH (MODSEQ (9223372036854775808))",
        b"* 1 FETCH (X-GM-MSGID 18446744073709551616)",
        b"* 1 FETCH (BODY[] (a))",
        b"* 1 FETCH (BODY[ x)",
        b"* 1 FETCH (UID 0 BODY[] {3}\r\nabc)",
        b"* 1 FETCH (UID 1 BODY[] {99999999999999999999}",
    ],
)
@pytest.mark.parametrize("size", [None, 1], ids=["whole", "octets"])
def test_what_would_mislead_is_refused(octets: bytes, size: int | None) -> None:
    with pytest.raises(ImapProtocolError):
        feed(ready(), octets + b"\r\n", size)


def test_a_body_leaves_as_it_came() -> None:
    connection = ready()
    feed(connection, b"* 1 FETCH (UID 5 BODY[] {200000}\r\n")
    assert connection.body_left == 200_000
    chunk = bytes(65_536)
    connection.receive_data(chunk)
    event = next(drain(connection))
    assert isinstance(event, BodyChunk)
    assert event.data is chunk
    assert connection.body_left == 200_000 - 65_536
