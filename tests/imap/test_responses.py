"""Responses one by one: each fed whole, octet by octet, and with the beginning of the next behind it."""

import pytest

from bridge.imap import ImapConnection, ImapProtocolError, UidSet
from bridge.imap.events import (
    Code,
    Continuation,
    Copied,
    Enabled,
    Event,
    Exists,
    Expunged,
    Flags,
    Listed,
    MailboxStatus,
    Namespace,
    Namespaces,
    Quota,
    SearchFound,
    ServerId,
    Status,
    Tagged,
    Unknown,
    Vanished,
)
from tests.imap.feeding import GREETING, feed, ready

RESPONSES: list[tuple[bytes, Event]] = [
    (b"* 0 EXISTS", Exists(0)),
    (b"* 23 exists", Exists(23)),
    (b"* 44 EXPUNGE", Expunged(44)),
    (b"* 4294967295 EXPUNGE", Expunged(2**32 - 1)),
    (b"* 0 RECENT", Unknown("RECENT")),
    (b"* SEARCH", SearchFound(None, UidSet())),
    (b"* SEARCH 2 84 882", SearchFound(None, UidSet.from_uids([2, 84, 882]))),
    (b"* search 3 2 1 ", SearchFound(None, UidSet([(1, 3)]))),
    (b"* SEARCH 2 5 (MODSEQ 917162500)", SearchFound(None, UidSet.from_uids([2, 5]), modseq=917162500)),
    (b"* ESEARCH", SearchFound(None, UidSet())),
    (b'* ESEARCH (TAG "A1") UID', SearchFound("A1", UidSet())),
    (b"* ESEARCH (TAG A1) UID COUNT 0", SearchFound("A1", UidSet(), 0)),
    (
        b'* ESEARCH (TAG "A1") UID MIN 4 MAX 21 ALL 4:18,21 COUNT 16 MODSEQ 5 X-NEW (1 (2))',
        SearchFound("A1", UidSet([(4, 18), (21, 21)]), 16, 5),
    ),
    (b"* VANISHED (EARLIER) 41,43:116", Vanished(True, UidSet([(41, 41), (43, 116)]))),
    (b"* VANISHED 405,407,410:405", Vanished(False, UidSet([(405, 410)]))),
    (rb"* FLAGS (\answered $Junk \X)", Flags(frozenset({"\\Answered", "$Junk", "\\X"}))),
    (b"* FLAGS ()", Flags(frozenset())),
    (b"* ENABLED condstore X-Good", Enabled(frozenset({"CONDSTORE", "X-GOOD"}))),
    (b"* ENABLED", Enabled(frozenset())),
    (b'* QUOTA "" (STORAGE 10 512)', Quota("", {"STORAGE": (10, 512)})),
    (
        b"* quota {4}\r\nroot (storage 1 2 MESSAGE 3 4 X-ODD many 4)",
        Quota("root", {"STORAGE": (1, 2), "MESSAGE": (3, 4)}),
    ),
    (b"* QUOTA user ()", Quota("user", {})),
    (b"* QUOTA user STORAGE", Unknown("QUOTA")),
    (b'* QUOTAROOT INBOX "" other', Unknown("QUOTAROOT")),
    (b"* ID NIL", ServerId({})),
    (b'* ID ("Name" "Cyrus" "os" NIL)', ServerId({"name": "Cyrus"})),
    (b'* ID ("name" {4}\r\n(a\r\n "version" "1")', ServerId({"name": "(a\r\n", "version": "1"})),
    (
        b'* NAMESPACE (("" "/")("#mh/" NIL "X-PARAM" ("a"))) NIL (("INBOX.&AOQ-." "."))',
        Namespaces((Namespace("", "/"), Namespace("#mh/", None)), (), (Namespace("INBOX.ä.", "."),)),
    ),
    (
        rb'* LIST (\noselect \JUNK) "/" ~/Mail/foo',
        Listed(frozenset({"\\Noselect", "\\Junk"}), "/", "~/Mail/foo", b"~/Mail/foo"),
    ),
    (b"* LIST () NIL inbox", Listed(frozenset(), None, "INBOX", b"inbox")),
    (b'* LSUB () "\\\\" {5}\r\na"\\b ', Listed(frozenset(), "\\", 'a"\\b ', b'a"\\b ')),
    (b'* LIST () "." "a \\"b\\" \\\\"', Listed(frozenset(), ".", 'a "b" \\', b'a "b" \\')),
    (b'* LIST () "/" NIL', Listed(frozenset(), "/", "NIL", b"NIL")),
    ('* LIST () "/" "Käse"'.encode(), Listed(frozenset(), "/", "Käse", "Käse".encode())),
    (b"* STATUS inbox (MESSAGES 231 UIDNEXT 44292)", MailboxStatus("INBOX", {"MESSAGES": 231, "UIDNEXT": 44292})),
    (
        b"* STATUS {3}\r\na b (size 8 MAILBOXID (F1) HIGHESTMODSEQ 7)",
        MailboxStatus("a b", {"SIZE": 8, "HIGHESTMODSEQ": 7}),
    ),
    (b"* STATUS Sent Items (MESSAGES 1 )", MailboxStatus("Sent Items", {"MESSAGES": 1})),
    (b"* STATUS x ()", MailboxStatus("x", {})),
    (b"* OK", Status("OK", None, "")),
    (b"* OK ", Status("OK", None, "")),
    (b"* bad x", Status("BAD", None, "x")),
    (b"* BYE [", Status("BYE", None, "[")),
    (b"* NO [ALERT] \xff\x00", Status("NO", Code("ALERT"), "\ufffd\x00")),
    (b"* OK [UIDNEXT 17] x", Status("OK", Code("UIDNEXT", "17", 17), "x")),
    (b"* OK [uidvalidity 0] x", Status("OK", Code("UIDVALIDITY", "0", 0), "x")),
    (b"* OK [UIDNEXT 4294967296]", Status("OK", Code("UIDNEXT", "4294967296"), "")),
    (b"* OK [UIDNEXT \xd9\xa1]", Status("OK", Code("UIDNEXT", "١"), "")),
    (b"* OK [HIGHESTMODSEQ 9223372036854775807]", Status("OK", Code("HIGHESTMODSEQ", str(2**63 - 1), 2**63 - 1), "")),
    (
        b"* NO [BADCHARSET (US-ASCII)] x",
        Status("NO", Code("BADCHARSET", "(US-ASCII)", names=frozenset({"US-ASCII"})), "x"),
    ),
    (b'* NO [REFERRAL "]" a] x', Status("NO", Code("REFERRAL", '"]" a'), "x")),
    (b'* NO [REFERRAL "a] x', Status("NO", Code("REFERRAL", '"a'), "x")),
    (
        b"* OK [COPYUID 7 304,319:320 3956:3958]",
        Status(
            "OK", Code("COPYUID", "7 304,319:320 3956:3958", copied=Copied(7, (304, 319, 320), (3956, 3957, 3958))), ""
        ),
    ),
    (b"* OK [COPYUID 7 9,3 1:2]", Status("OK", Code("COPYUID", "7 9,3 1:2", copied=Copied(7, (9, 3), (1, 2))), "")),
    (b"* OK [COPYUID 7 2:1 4:3]", Status("OK", Code("COPYUID", "7 2:1 4:3", copied=Copied(7, (1, 2), (3, 4))), "")),
    (b"* OK [COPYUID 7 1:2 3]", Status("OK", Code("COPYUID", "7 1:2 3"), "")),
    (b"* OK [COPYUID 7 1:4294967295 1:4294967295]", Status("OK", Code("COPYUID", "7 1:4294967295 1:4294967295"), "")),
    (b"* OK [COPYUID 7 * 1]", Status("OK", Code("COPYUID", "7 * 1"), "")),
    (b"* OK [APPENDUID 7 5]", Status("OK", Code("APPENDUID", "7 5", copied=Copied(7, (), (5,))), "")),
    (b"A1 OK", Tagged("A1", "OK", None, "", "UID FETCH")),
    (b"A1 no [NOPERM] sorry {5}", Tagged("A1", "NO", Code("NOPERM"), "sorry {5}", "UID FETCH")),
    (b"A1 BAD x\ry", Tagged("A1", "BAD", None, "x\ry", "UID FETCH")),
    (b"+", Continuation("")),
    (b"+ ok {4}", Continuation("ok {4}")),
    # A name that is known in a shape that is not: not worth a connection.
    (b"* LIST", Unknown("LIST")),
    (b"* LIST (a) (b) c", Unknown("LIST")),
    (b"* STATUS x", Unknown("STATUS")),
    (b"* STATUS x y", Unknown("STATUS")),
    (b"* FLAGS NIL", Unknown("FLAGS")),
    (b"* FLAGS", Unknown("FLAGS")),
    (b"* ID x", Unknown("ID")),
    (b"* NAMESPACE NIL NIL", Unknown("NAMESPACE")),
    (b"* NAMESPACE ((a)) NIL NIL", Unknown("NAMESPACE")),
    (b"* NAMESPACE (a) NIL NIL", Unknown("NAMESPACE")),
    (b"* 5 WEIRD {2}\r\n\r\n.", Unknown("WEIRD")),
]


@pytest.mark.parametrize(("octets", "event"), RESPONSES, ids=lambda value: repr(value)[:60])
class TestResponse:
    def test_whole(self, octets: bytes, event: Event) -> None:
        assert feed(ready(), octets + b"\r\n") == [event]

    def test_octet_by_octet(self, octets: bytes, event: Event) -> None:
        assert feed(ready(), octets + b"\r\n", 1) == [event]

    def test_with_a_tail(self, octets: bytes, event: Event) -> None:
        connection = ready()
        assert feed(connection, octets + b"\r\n* 7 EXI") == [event]
        assert feed(connection, b"STS\r\n") == [Exists(7)]

    def test_with_bare_lf(self, octets: bytes, event: Event) -> None:
        if b"\r\n" not in octets:
            assert feed(ready(), octets + b"\n") == [event]


REFUSED = [
    b"*",
    b"* ",
    b"* 5",
    b"* (",
    b"* 0 EXPUNGE",
    b"* 4294967296 EXPUNGE",
    b"* 99999999999999999999999 EXISTS",
    b"* 5 EXPUNGE 6",
    b"* 5 EXISTS (",
    b"* SEARCH x",
    b"* SEARCH 0",
    b"* SEARCH 4294967296",
    b"* SEARCH 1,2",
    b"* SEARCH -1",
    "* SEARCH ١".encode(),
    b"* VANISHED",
    b"* VANISHED 1:*",
    b"* VANISHED (LATER) 1",
    b"* VANISHED 0",
    b"* VANISHED 1,,2",
    b'* ESEARCH (TAG "A1") ALL 1:3',
    b"* ESEARCH UID ALL *",
    b"* ESEARCH UID ALL (1)",
    b"* ESEARCH UID ALL x",
    b"* ESEARCH UID COUNT 4294967296",
    b"* LIST (",
    b"* LIST ())",
    b'* LIST () "/" "a',
    b'* LIST () "/" "a\\b"',
    b"* LIST () \x01 x",
    b"* LIST () NIL \x00",
    b"* PREAUTH again",
    b"A2 OK never sent",
    b"A1 GOOD",
    b"A1",
    b"A(1 OK",
    b" A1 OK",
    b"HTTP/1.1 400 Bad Request",
    b"* STATUS x (SIZE 9223372036854775808)",
]


@pytest.mark.parametrize("size", [None, 1], ids=["whole", "octets"])
@pytest.mark.parametrize("octets", REFUSED)
def test_what_is_no_imap_is_refused_for_good(octets: bytes, size: int | None) -> None:
    connection = ready()
    with pytest.raises(ImapProtocolError) as first:
        feed(connection, octets + b"\r\n", size)
    connection.receive_data(b"* 1 EXISTS\r\n")
    with pytest.raises(ImapProtocolError, match=str(first.value)):
        connection.next_event()


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        (b"220 mail ESMTP", "SMTP"),
        (b"+OK ready", "POP3"),
        (b"HTTP/1.0 400", "web"),
        (b"SSH-2.0-x", "SSH"),
        (b"* NO", "greet"),
        (b"* 5 EXISTS", "greet"),
        (b"", "greet"),
        (b"\x15\x03\x01", "greet"),
    ],
)
def test_a_greeting_that_is_none(line: bytes, hint: str) -> None:
    connection = ImapConnection()
    with pytest.raises(ImapProtocolError, match=hint):
        feed(connection, line + b"\r\n")


def test_the_end_in_the_middle_of_a_response_is_a_failure() -> None:
    for part in (b"* 5 EX", b"* LIST () NIL {3}\r\nab", b"* 1 FETCH (BODY[] {3}\r\nab", b"* LIST () NIL {3}\r\n"):
        connection = ready()
        feed(connection, part)
        connection.receive_eof()
        with pytest.raises(ImapProtocolError, match="in the middle"):
            connection.next_event()


def test_a_response_before_the_end_is_still_given() -> None:
    connection = ImapConnection()
    connection.receive_data(GREETING + b"* BYE\r\n")
    connection.receive_eof()
    kinds = [type(connection.next_event()).__name__ for _ in range(4)]
    assert kinds == ["Greeting", "Status", "Closed", "Closed"]
