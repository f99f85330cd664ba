"""Where the search for bad inputs begins: what the RFCs show, and a configuration that is right."""

from collections.abc import Mapping, Sequence

from bridge.config.describe import example
from tests.fuzz import conversations, texts
from tests.net.headers import addresses, tcp4, tls, tlv, v2


def _lines(*lines: bytes) -> bytes:
    return b"".join(line + b"\r\n" for line in lines)


_POP3 = (
    # RFC 1939 §10
    _lines(
        b"APOP mrose c4c9334bac560ecc979e58001b3e22fb",
        *(b"STAT", b"LIST", b"RETR 1", b"DELE 1", b"RETR 2", b"DELE 2", b"QUIT"),
    ),
    # RFC 1939 §5, §7
    _lines(b"USER mrose", b"PASS secret", b"LIST 2", b"TOP 1 10", b"UIDL", b"UIDL 2", b"RSET", b"NOOP", b"QUIT"),
    # RFC 1460 §5
    _lines(b"USER mrose", b"PASS secret", b"LAST", b"RETR 1", b"LAST", b"RSET", b"LAST", b"QUIT"),
    # RFC 2449 §5, RFC 2595 §4
    _lines(b"CAPA", b"STLS", b"CAPA", b"STLS"),
    # RFC 5034 §4: with and without an initial response, cancelled, and an empty one
    _lines(b"AUTH PLAIN dGVzdAB0ZXN0AHRlc3Q=", b"QUIT"),
    _lines(b"AUTH PLAIN", b"dGVzdAB0ZXN0AHRlc3Q=", b"STAT", b"QUIT"),
    _lines(b"AUTH PLAIN", b"*", b"AUTH PLAIN =", b"AUTH DIGEST-MD5", b"AUTH"),
    # RFC 5802 §5, with and without an initial response; RFC 2195 §2; LOGIN
    _lines(b"AUTH SCRAM-SHA-1 biwsbj11c2VyLHI9ZnlrbytkMmxiYkZnT05Sdjlxa3hkYXdM", b"Yz1iaXdzLHI9", b"", b"STAT"),
    _lines(b"AUTH SCRAM-SHA-256", b"biwsbj11c2VyLHI9ck9wck5HZndFYmVSV2diTkVrcU8=", b"*", b"QUIT"),
    _lines(b"AUTH CRAM-MD5", b"dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw", b"QUIT"),
    _lines(b"AUTH LOGIN", b"dGVzdA==", b"dGVzdA==", b"AUTH LOGIN dGVzdA==", b"dGVzdA==", b"QUIT"),
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    _lines(b"GET / HTTP/1.1", b"Host: example.org", b""),
)

_HEADER = _lines(
    b"Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)",
    b"From: Terry Gray <gray@cac.washington.edu>",
    b"Subject: IMAP4rev1 WG mtg summary and minutes",
    b"To: imap@cac.washington.edu",
    b"Message-Id: <B27397-0100000@cac.washington.edu>",
    b"MIME-Version: 1.0",
    b"Content-Type: TEXT/PLAIN; CHARSET=US-ASCII",
    b"",
)

_IMAP = (
    # RFC 3501 §8
    _lines(
        b"* OK IMAP4rev1 Service Ready",
        b"A1 OK LOGIN completed",
        b"* 18 EXISTS",
        b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)",
        b"* 2 RECENT",
        b"* OK [UNSEEN 17] Message 17 is the first unseen message",
        b"* OK [UIDVALIDITY 3857529045] UIDs valid",
        b"A2 OK [READ-WRITE] SELECT completed",
        b'* 12 FETCH (FLAGS (\\Seen) INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 4286 ENVELOPE '
        b'("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev1 WG mtg summary and minutes" '
        b'(("Terry Gray" NIL "gray" "cac.washington.edu")) NIL NIL ((NIL NIL "imap" "cac.washington.edu")) NIL NIL NIL '
        b'"<B27397-0100000@cac.washington.edu>") BODY ("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 3028 92))',
        b"A3 OK FETCH completed",
        b"* 12 FETCH (BODY[HEADER] {%d}\r\n%b)" % (len(_HEADER), _HEADER),
        b"A4 OK FETCH completed",
        b"* 12 FETCH (FLAGS (\\Seen \\Deleted))",
        b"* BYE IMAP4rev1 server terminating connection",
    ),
    # RFC 3501 §7.2, RFC 6154 §5, RFC 5819 §3, RFC 2342 §5
    _lines(
        b'* LIST (\\Noselect) "/" ~/Mail/foo',
        b'* LIST (\\Trash \\HasNoChildren) "/" "Deleted Items"',
        b"* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)",
        b'* NAMESPACE (("" "/")) (("~" "/")) (("#shared/" "/"))',
        b"* SEARCH 2 3 6",
        b'* ESEARCH (TAG "A1") UID COUNT 5 ALL 4:19,21,28',
    ),
    # RFC 4315 §3, RFC 7162 §3, RFC 8474 §5, RFC 2971 §3
    _lines(
        b"* OK [HIGHESTMODSEQ 715194045007] x",
        b"* VANISHED (EARLIER) 300:310,405,411",
        b"* 4 FETCH (UID 8 MODSEQ (12121231000) EMAILID (M6d99ac3275bb4e) X-GM-MSGID 1278455344230334865)",
        b"A1 OK [COPYUID 38505 304,319:320 3956:3958] Done",
        b'* ID ("name" "Cyrus" "version" "1.5" "os" NIL)',
    ),
)

# RFC 4616 §4
_SASL = (b"\0tim\0tanstaaftanstaaf", b"Ursel\0Kurt\0xipj3plmq", b"\0fax\0secret", b"\0\xc3\xa4\0\xff")

_MESSAGES = (
    # RFC 5322 appendix A.1.1
    _lines(
        b"From: John Doe <jdoe@machine.example>",
        b"To: Mary Smith <mary@example.net>",
        b"Subject: Saying Hello",
        b"Date: Fri, 21 Nov 1997 09:55:06 -0600",
        b"Message-ID: <1234@local.machine.example>",
        b"",
        b"This is a message just to say hello.",
        b'So, "Hello".',
    ),
    # RFC 2046 §5.1.1
    _lines(
        b"From: Nathaniel Borenstein <nsb@bellcore.com>",
        b"Subject: Sample message",
        b"MIME-Version: 1.0",
        b'Content-type: multipart/mixed; boundary="simple boundary"',
        b"",
        b"This is the preamble.",
        b"--simple boundary",
        b"",
        b"This is implicitly typed plain US-ASCII text.",
        b"--simple boundary--",
    ),
    b"From a@example.org Thu Jan  1 00:00:00 1970\nSubject: one\n two\n\n.\n..\rend",
    b"\r\n.\r\n",
)

_PROXY = (
    # proxy-protocol.txt §2.1, §2.2
    b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\nGET / HTTP/1.1\r\n",
    b"PROXY TCP6 2001:db8::1 ::ffff:192.0.2.7 65535 0\r\nUSER fax\r\n",
    b"PROXY UNKNOWN\r\nCAPA\r\n",
    v2(0, 0x00, b"") + b"QUIT\r\n",
    v2(1, 0x21, addresses("2001:db8::1", 995)),
    v2(1, 0x31, bytes(216)),
    tcp4(tlvs=tlv(1, b"pop3") + tls("TLSv1.3", "TLS_AES_128_GCM_SHA256") + tlv(3, bytes(4))) + b"STAT\r\n",
)

SEEDS: Mapping[str, Sequence[bytes]] = {
    "pop3": _POP3,
    "imap": _IMAP,
    "sasl": _SASL,
    "adapt": _MESSAGES,
    "proxy": _PROXY,
    "responses": conversations.RESPONSES,
    "challenges": conversations.CHALLENGES,
    "tokens": conversations.ANSWERS,
    "redirects": conversations.REDIRECTS,
    "search": texts.SEARCHES,
    "names": texts.NAMES,
    "identity": (*texts.HEADERS, *_MESSAGES),
    "former": texts.FILES,
    "config": (example().encode(), b'[device.fax]\npassword = "x"\nsources = ["family/\\\\Junk"]\n', b"[[listener]]\n"),
}
"""By target."""
