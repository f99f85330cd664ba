"""What each command answers, one rule a line. `T` stands for the tag."""

import pytest

from bridge.sandbox import ALL_CAPABILITIES, SandboxServer
from tests.sandbox.support import LETTER, connected, with_anna

TWO = b"Subject: two\r\nMessage-ID: <two@example.org>\r\nX-Long: a\r\n b\r\n\r\nline\r\n"


def three_letters() -> SandboxServer:
    server = with_anna(SandboxServer(), LETTER, TWO, LETTER)
    server.users["anna"].create("Müll & Reste", "\\Trash")
    server.mailbox("anna").set_flags(3, ["\\Deleted"])
    return server


SELECTED = [
    (b"SEARCH ALL", [b"* SEARCH 1 2 3"]),
    (b"UID SEARCH UID 2:*", [b"* SEARCH 2 3"]),
    (b"UID SEARCH 9:10 UID 1", b"T BAD there is no such message number"),
    (b"SEARCH DELETED", [b"* SEARCH 3"]),
    (b"SEARCH NOT DELETED UNSEEN", [b"* SEARCH 1 2"]),
    (b"SEARCH OR DELETED HEADER Message-ID <two@EXAMPLE.org>", [b"* SEARCH 2 3"]),
    (b"SEARCH (SUBJECT letter) LARGER 10", [b"* SEARCH 1 3"]),
    (b"SEARCH RETURN (MIN MAX COUNT ALL) 1:2", [b'* ESEARCH (TAG "t3") MIN 1 MAX 2 COUNT 2 ALL 1:2']),
    (b"UID SEARCH RETURN () SEEN", [b'* ESEARCH (TAG "t3") UID']),
    (b"SEARCH " + b"NOT " * 200 + b"ALL", b"T BAD the search is nested too deeply"),
    (b"SEARCH CHARSET KOI8-R ALL", b"T NO [BADCHARSET (US-ASCII UTF-8)] no such charset"),
    (b"FETCH 4 UID", b"T BAD there is no such message number"),
    (b"UID FETCH 4:9 UID", []),
    (b"UID FETCH 4:* UID", [b"* 3 FETCH (UID 3)"]),
    (b"UID FETCH 99 UID", []),
    (b"FETCH *:2 FLAGS", [b"* 2 FETCH (FLAGS ())", b"* 3 FETCH (FLAGS (\\Deleted))"]),
    (b"UID FETCH 2 BODY.PEEK[HEADER]", b"* 2 FETCH (UID 2 BODY[HEADER] {%d}" % (len(TWO) - 6)),
    (b"UID FETCH 2 BODY.PEEK[TEXT]", [b"* 2 FETCH (UID 2 BODY[TEXT] {6}", b"line", b")"]),
    (
        b"FETCH 2 BODY.PEEK[HEADER.FIELDS (x-long DATE)]",
        [b"* 2 FETCH (BODY[HEADER.FIELDS (X-LONG DATE)] {17}", b"X-Long: a", b" b", b"", b")"],
    ),
    (b"FETCH 1 BODY.PEEK[]<9.4>", [b"* 1 FETCH (BODY[]<9> {4}", b"a le)"]),
    (b"FETCH 1 BODY.PEEK[]<9999.4>", [b"* 1 FETCH (BODY[]<9999> {0}", b")"]),
    (b"FETCH 1 BODY.PEEK[1.2]", b"T BAD the sandbox does not fetch BODY.PEEK[1.2]"),
    (b"FETCH 1 ENVELOPE", b"T BAD the sandbox does not fetch ENVELOPE"),
    (b"FETCH 3 (MODSEQ)", [b"* 3 FETCH (MODSEQ (5))"]),
    (b"FETCH 1:* UID (CHANGEDSINCE 3)", [b"* 2 FETCH (UID 2)", b"* 3 FETCH (UID 3)"][1:]),
    (b"STORE 1 +FLAGS.SILENT \\Seen", []),
    (b"UID STORE 1 FLAGS (\\seen own)", [b"* 1 FETCH (UID 1 FLAGS (\\Seen own))"]),
    (b"STORE 3 -FLAGS (\\Deleted)", [b"* 3 FETCH (UID 3 FLAGS ())"]),
    (b"STORE 3 +FLAGS.SILENT (UNCHANGEDSINCE 1) \\Seen", b"T BAD too many arguments"),
    (b"STORE 3 COLOUR (red)", b"T BAD STORE knows only FLAGS"),
    (b"STORE 3 (UNCHANGEDSINCE 1) +FLAGS.SILENT \\Seen", b"T OK [MODIFIED 3] stored"),
    (b"UID COPY 1:2 nowhere", b"T NO [TRYCREATE] no such mailbox"),
    (b"UID COPY 1:2 INBOX", [b"* 5 EXISTS", b"T OK [COPYUID 1700000001 1:2 4:5] copied"]),
    (b'UID COPY 1,3 "M&APw-ll &- Reste"', [b"T OK [COPYUID 1700000002 1,3 1:2] copied"]),
    (
        b'UID MOVE 1:2 "M&APw-ll &- Reste"',
        [b"* OK [COPYUID 1700000002 1:2 1:2] moved", b"* 2 EXPUNGE", b"* 1 EXPUNGE", b"T OK moved"],
    ),
    (b"UID EXPUNGE 1:2", []),
    (b"UID EXPUNGE 3", [b"* 3 EXPUNGE"]),
    (b"EXPUNGE", [b"* 3 EXPUNGE"]),
    (b"CHECK", []),
    (b"UNSELECT", []),
    (b"NOOP now", b"T BAD too many arguments"),
    (b"LOGIN anna secret", b"T BAD already signed in"),
]


@pytest.mark.parametrize(("command", "expected"), SELECTED, ids=[c.decode("latin-1")[:60] for c, _ in SELECTED])
async def test_with_a_mailbox_selected(command: bytes, expected: list[bytes] | bytes) -> None:
    async with connected(three_letters(), select=b"INBOX") as raw:
        lines = await raw.ask(command)
    if isinstance(expected, bytes):
        assert expected in lines
    elif expected and expected[-1].startswith(b"T "):
        assert lines == expected
    else:
        assert lines[:-1] == expected
        assert lines[-1].startswith(b"T OK ")


SIGNED_IN = [
    (b'LIST "" *', [b'* LIST (\\HasNoChildren) "/" INBOX',
     b'* LIST (\\HasNoChildren \\Trash) "/" "M&APw-ll &- Reste"']),
    (b'LIST "" inbox', [b'* LIST (\\HasNoChildren) "/" INBOX']),
    (b'LIST "" ""', [b'* LIST (\\Noselect) "/" ""']),
    (b'LIST (SPECIAL-USE) "" *', [b'* LIST (\\HasNoChildren \\Trash) "/" "M&APw-ll &- Reste"']),
    (b'LIST "" INBOX RETURN (SPECIAL-USE)', [b'* LIST (\\HasNoChildren) "/" INBOX']),
    (b"NAMESPACE", [b'* NAMESPACE (("" "/")) NIL NIL']),
    (b'ID ("name" "x")', [b'* ID ("name" "sandbox" "vendor" "popbridge")']),
    (b"ENABLE CONDSTORE X-OTHER", [b"* ENABLED CONDSTORE"]),
    (b"STATUS INBOX (MESSAGES UNSEEN UIDNEXT UIDVALIDITY RECENT)",
     [b"* STATUS INBOX (MESSAGES 3 UNSEEN 3 UIDNEXT 4 UIDVALIDITY 1700000001 RECENT 0)"]),
    (b"STATUS INBOX (SIZE HIGHESTMODSEQ)",
     [b"* STATUS INBOX (SIZE %d HIGHESTMODSEQ 5)" % (2 * len(LETTER) + len(TWO))]),
    (b"STATUS INBOX (COLOUR)", [b"T BAD STATUS knows no COLOUR"]),
    (b"CREATE inbox", [b"T NO [ALREADYEXISTS] there is one already"]),
    (b"CREATE a/b (USE (\\Junk))", []),
    (b"DELETE INBOX", [b"T NO [CANNOT] INBOX stays"]),
    (b"DELETE nothing", [b"T NO [NONEXISTENT] no such mailbox"]),
    (b"SELECT nothing", [b"T NO [NONEXISTENT] no such mailbox"]),
    (b"FETCH 1 UID", [b"T BAD no mailbox is selected"]),
    (b"NONSENSE", [b"T BAD unknown command"]),
    (b"UID NONSENSE", [b"T BAD unknown command"]),
    (b"STATUS M\xfcll (MESSAGES)", [b"T BAD octet 0xfc does not belong here"]),
    (b'STATUS "M&APw-l" (MESSAGES)', [b"T NO [NONEXISTENT] no such mailbox"]),
    (b'STATUS "M&l" (MESSAGES)', [b"T BAD a mailbox name must be in modified UTF-7"]),
]  # fmt: skip


@pytest.mark.parametrize(("command", "expected"), SIGNED_IN, ids=[c.decode("latin-1")[:60] for c, _ in SIGNED_IN])
async def test_signed_in(command: bytes, expected: list[bytes]) -> None:
    async with connected(three_letters()) as raw:
        lines = await raw.ask(command)
    if expected and expected[-1].startswith(b"T "):
        assert lines == expected
    else:
        assert lines[:-1] == expected
        assert lines[-1].startswith(b"T OK")


SIGNING_IN = [
    (b"AUTHENTICATE PLAIN AGFubmEAc2VjcmV0", b"T OK [CAPABILITY IMAP4rev1 "),
    (b"AUTHENTICATE PLAIN AGFubmEAd3Jvbmc=", b"T NO [AUTHENTICATIONFAILED] "),
    (b"AUTHENTICATE PLAIN Ym9iAGFubmEAc2VjcmV0", b"T NO [AUTHORIZATIONFAILED] "),
    (b"AUTHENTICATE PLAIN !!", b"T BAD that is no PLAIN message"),
    (b"AUTHENTICATE XOAUTH2 abc", b"T NO no such mechanism"),
    (b"LOGIN anna wrong", b"T NO [AUTHENTICATIONFAILED] "),
    (b'LOGIN "anna" "secret"', b"T OK [CAPABILITY "),
    (b"LOGIN anna", b"T BAD an argument is missing"),
    (b"SELECT INBOX", b"T BAD sign in first"),
    (b"STARTTLS", b"T BAD TLS cannot begin now"),
]


@pytest.mark.parametrize(("command", "expected"), SIGNING_IN, ids=[c.decode() for c, _ in SIGNING_IN])
async def test_signing_in(command: bytes, expected: bytes) -> None:
    async with connected(with_anna(SandboxServer()), login=False) as raw:
        lines = await raw.ask(command)
    assert len(lines) == 1
    assert lines[0].startswith(expected)


async def test_plain_without_an_initial_response() -> None:
    async with connected(with_anna(SandboxServer()), login=False) as raw:
        await raw.send(b"a AUTHENTICATE PLAIN\r\n")
        assert await raw.line() == b"+ "
        await raw.send(b"AGFubmEAc2VjcmV0\r\n")
        assert (await raw.line()).startswith(b"a OK ")


AWAY = [
    ("IDLE", b"IDLE"),
    ("MOVE", b"UID MOVE 1 INBOX"),
    ("UIDPLUS", b"UID EXPUNGE 1"),
    ("ESEARCH", b"SEARCH RETURN (ALL) ALL"),
    ("CONDSTORE", b"FETCH 1 MODSEQ"),
    ("CONDSTORE", b"SELECT INBOX (CONDSTORE)"),
    ("OBJECTID", b"FETCH 1 EMAILID"),
    ("STATUS=SIZE", b"STATUS INBOX (SIZE)"),
    ("SPECIAL-USE", b'LIST (SPECIAL-USE) "" *'),
    ("NAMESPACE", b"NAMESPACE"),
    ("ID", b"ID NIL"),
    ("ENABLE", b"ENABLE CONDSTORE"),
    ("UNSELECT", b"UNSELECT"),
]


@pytest.mark.parametrize(("capability", "command"), AWAY, ids=[f"{a} {b.decode()}" for a, b in AWAY])
async def test_what_is_taken_away_is_neither_announced_nor_done(capability: str, command: bytes) -> None:
    server = with_anna(SandboxServer(capabilities=ALL_CAPABILITIES - {capability}), LETTER)
    async with connected(server, select=b"INBOX") as raw:
        announced, _ = await raw.ask(b"CAPABILITY")
        assert capability.encode() not in announced.split()
        assert (await raw.ask(command))[-1].startswith(b"T BAD ")


async def test_without_uidplus_no_copy_tells_uids() -> None:
    server = with_anna(SandboxServer(capabilities=ALL_CAPABILITIES - {"UIDPLUS"}), LETTER)
    async with connected(server, select=b"INBOX") as raw:
        assert await raw.ask(b"UID COPY 1 INBOX") == [b"* 2 EXISTS", b"T OK copied"]


async def test_logindisabled() -> None:
    server = with_anna(SandboxServer(capabilities=ALL_CAPABILITIES | {"LOGINDISABLED"}))
    async with connected(server, login=False) as raw:
        assert (await raw.ask(b"LOGIN anna secret")) == [b"T NO [PRIVACYREQUIRED] not without TLS"]


async def test_examined_is_read_only() -> None:
    server = with_anna(SandboxServer(), LETTER)
    async with connected(server) as raw:
        assert (await raw.ask(b"EXAMINE INBOX"))[-1] == b"T OK [READ-ONLY] opened"
        for command in (b"STORE 1 +FLAGS \\Seen", b"EXPUNGE", b"UID MOVE 1 INBOX"):
            assert (await raw.ask(command))[-1].startswith(b"T NO the mailbox was opened read-only")
        await raw.ask(b"FETCH 1 BODY[]")
        await raw.ask(b"CLOSE")
    assert server.mailbox("anna")[1].flags == set()


async def test_body_without_peek_marks_seen_and_tells() -> None:
    server = with_anna(SandboxServer(), b"\r\nx\r\n")
    async with connected(server, select=b"INBOX") as raw:
        lines = await raw.ask(b"FETCH 1 BODY[TEXT]")
    assert lines == [b"* 1 FETCH (BODY[TEXT] {3}", b"x", b")", b"* 1 FETCH (UID 1 FLAGS (\\Seen))", b"T OK fetched"]


async def test_close_expunges_without_a_word() -> None:
    server = three_letters()
    async with connected(server, select=b"INBOX") as raw:
        assert await raw.ask(b"CLOSE") == [b"T OK done"]
    assert server.mailbox("anna").uids() == [1, 2]


async def test_capabilities_are_kept_back_where_told_so() -> None:
    server = with_anna(SandboxServer())
    server.tells_capabilities = False
    async with connected(server, login=False) as raw:
        assert await raw.ask(b"LOGIN anna secret") == [b"T OK signed in"]


async def test_gmail_ids_where_announced() -> None:
    server = with_anna(SandboxServer(capabilities=ALL_CAPABILITIES | {"X-GM-EXT-1"}), LETTER, LETTER)
    async with connected(server, select=b"INBOX") as raw:
        one, two, _ = await raw.ask(b"FETCH 1:2 X-GM-MSGID")
        assert one.split()[-1] == two.split()[-1]
        assert 0 < int(one.split()[-1].rstrip(b")")) < 2**63


async def test_history_has_the_commands_and_no_secret() -> None:
    server = with_anna(SandboxServer(), LETTER)
    async with connected(server, select=b"INBOX") as raw:
        await raw.ask(b"uid fetch 1:* (UID FLAGS)")
    assert [(m.command, m.arguments) for m in server.commands()] == [
        ("LOGIN", ""),
        ("SELECT", "INBOX"),
        ("UID FETCH", "1:* (UID FLAGS)"),
    ]
    assert "secret" not in str(server.history)


async def test_a_mailbox_created_again_is_numbered_anew() -> None:
    async with connected(three_letters()) as raw:
        told = []
        for _ in range(2):
            assert (await raw.ask(b"CREATE Box"))[-1] == b"T OK done"
            told.append((await raw.ask(b"STATUS Box (UIDVALIDITY)"))[0])
            assert (await raw.ask(b"DELETE Box"))[-1] == b"T OK done"
        assert len(set(told)) == 2
