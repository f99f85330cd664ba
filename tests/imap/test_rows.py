"""The fast path and the general parser say the same, whatever the lines are."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from bridge.imap.events import BodyBegin, Event, Fetched, FetchedBody, FetchedRow, FetchedRows
from bridge.imap.limits import ROWS
from tests.imap.feeding import feed, merged, ready, spelled

numbers = st.one_of(
    st.integers(0, 300),
    st.sampled_from([2**32 - 2, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**21]),
).map(str)
dates = st.one_of(
    st.builds(
        "{:2d}-{}-{:04d} {:02d}:{:02d}:{:02d} {}{:04d}".format,
        st.integers(0, 32),
        st.sampled_from(["Jan", "feb", "Jul", "Dec", "Mai"]),
        st.integers(1968, 2040),
        st.integers(0, 24),
        st.integers(0, 60),
        st.integers(0, 61),
        st.sampled_from("+-"),
        st.sampled_from([0, 100, 730, 1400, 2400, 60]),
    ),
    st.text("0123456789 :-+Jan", max_size=26),
)
items = st.one_of(
    numbers.map("UID {}".format),
    numbers.map("RFC822.SIZE {}".format),
    dates.map('INTERNALDATE "{}"'.format),
    st.from_regex(r"[A-Za-z0-9_/-]{1,9}", fullmatch=True).map("EMAILID ({})".format),
    numbers.map("X-GM-MSGID {}".format),
    st.sampled_from(["FLAGS (a)", "FLAGS ()", "uid 5", "RFC822.SIZE NIL", "MODSEQ (5)", 'BODY[] "x"', "EMAILID NIL"]),
)
good = st.builds(
    '* {} FETCH (UID {} RFC822.SIZE {} INTERNALDATE "17-Jul-1996 02:44:25 -0700"{})\r\n'.format,
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(0, 9),
    st.sampled_from(["", " EMAILID (M1)", " X-GM-MSGID 12", " FLAGS ()", " "]),
)
odd = st.builds(
    "* {} FETCH ({}){}".format,
    numbers,
    st.lists(items, max_size=8).map(" ".join),
    st.sampled_from(["\r\n", "\n", " \r\n", "\r\n"]),
)
bodies = st.builds(
    "* {} FETCH (UID {} BODY[]{} {{{}}}\r\n{}{}".format,
    numbers,
    numbers,
    st.one_of(st.just(""), st.just(""), numbers.map("<{}>".format)),
    st.one_of(st.integers(0, 4), st.sampled_from([10**9, 2**63 - 1])),
    st.sampled_from(["", "a", "abc", "abc", "\r\n)", "a\r\n", ")\r\n)"]),
    st.sampled_from([")\r\n", ")\r\n", ")\n", " FLAGS (a))\r\n", ""]),
)
other = st.sampled_from(["* 5 EXISTS\r\n", "A1 OK done\r\n", "* 1 FETCH (UID 2 BODY[] {3}\r\nabc)\r\n", "\r\n", "* x"])


def alike(events: Iterable[Event]) -> list[Event]:
    """Write rows and whole messages as the general parser has them."""
    out: list[Event] = []
    for event in spelled(events):
        if isinstance(event, FetchedRows):
            out += [Fetched(row.seq, row.uid, row.size, row.date, identity=row.identity) for row in event.rows]
        else:
            out.append(event)
    return out


def outcome(octets: bytes, size: int | None, *, fast: bool) -> tuple[list[Event], str]:
    """Feed until the end or the failure; give what came before it as well."""
    connection = ready(fast=fast)
    events: list[Event] = []
    failure = ""
    try:
        for at in range(0, len(octets), size or max(1, len(octets))):
            connection.receive_data(octets[at : at + (size or len(octets))])
            while (event := connection.next_event()).__class__.__name__ != "NeedData":
                events.append(event)
    except Exception as raised:
        failure = repr(raised)
    assert connection.scanned < 4 * len(octets) + 100
    return merged(alike(events)), failure


@given(st.lists(st.one_of(good, good, odd, bodies, other), max_size=8).map("".join), st.sampled_from([None, 1, 7, 64]))
def test_both_parsers_agree(text: str, size: int | None) -> None:
    octets = text.encode()
    assert outcome(octets, size, fast=True) == outcome(octets, size, fast=False)


def test_rows_come_in_bounded_batches() -> None:
    line = b'* %d FETCH (UID %d RFC822.SIZE 7 INTERNALDATE "01-Jan-1970 00:00:01 +0000")\r\n'
    connection = ready()
    connection.receive_data(b"".join(line % (n, n + 5) for n in range(1, 2 * ROWS + 2)) + b"* 3 FETCH (UID")
    batches = [event.rows for _ in range(3) if isinstance(event := connection.next_event(), FetchedRows)]
    assert [row.seq for rows in batches for row in rows] == list(range(1, 2 * ROWS + 2))
    assert all(len(rows) <= ROWS for rows in batches)
    assert batches[0][1] == FetchedRow(2, 7, 7, 1, "")
    assert feed(connection, b" 9)\r\n") == [Fetched(3, 9)]


def test_a_message_that_is_there_whole_is_one_event() -> None:
    line = b"* 4 FETCH (UID 7 BODY[]%b {5}\r\na\r\nbc)\r\n"
    connection = ready()
    connection.receive_data(line % b"" + line % b"<3>" + line[:-4] % b"")
    given = [connection.next_event() for _ in range(2)]
    assert given == [FetchedBody(4, 7, None, b"a\r\nbc"), FetchedBody(4, 7, 3, b"a\r\nbc")]
    assert isinstance(connection.next_event(), BodyBegin)
