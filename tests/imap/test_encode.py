"""Whatever an argument holds, it leaves as one IMAP string and nothing else."""

import re
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.imap import Command, UidSet, UnsendableArgument, commands, mutf7
from bridge.imap.encode import Argument, LiteralMode, Mailbox, segments
from bridge.model.secret import Secret

octets = st.one_of(
    st.binary(max_size=40),
    st.text(' "\\{}()%*\r\n]&NILnil5+äA', max_size=12).map(str.encode),
    st.sampled_from([b"NIL", b"nil", b"{3}", b"{3+}\r\nA1 LOGOUT", b"x" * 5000, b"y " * 3000, b"~{1}"]),
).filter(lambda text: b"\0" not in text)
modes: st.SearchStrategy[LiteralMode] = st.sampled_from(["", "LITERAL-", "LITERAL+"])

# A server's reading of an astring, written apart from the encoder: RFC 3501 §9.
STRING = re.compile(rb'"((?:[^"\\\r\n\x00\x80-\xff]|\\["\\])*)"|([^(){ %*"\\\]\x00-\x1f\x7f-\xff]+)')
LITERAL = re.compile(rb"\{([0-9]+)(\+?)\}\r\n")


def strings(line: bytes) -> Iterator[bytes]:
    """Read the arguments of a line, as a server would."""
    while line:
        if literal := LITERAL.match(line):
            size = int(literal[1])
            text, line = line[literal.end() :][:size], line[literal.end() + size :]
            assert len(text) == size
            yield text
        else:
            found = STRING.match(line)
            assert found is not None
            line = line[found.end() :]
            yield re.sub(rb"\\(.)", rb"\1", found[1]) if found[1] is not None else found[2]
        assert line[:1] in {b"", b" "}
        line = line[1:]


@given(st.lists(octets, min_size=1, max_size=4), modes)
def test_arguments_are_read_back(arguments: list[bytes], mode: LiteralMode) -> None:
    parts = [part for argument in arguments for part in (b" ", Argument(argument))][1:]
    sent = segments(parts, mode, utf8=False)
    assert list(strings(b"".join(sent))) == arguments
    assert all(re.search(rb"\{[0-9]+\}\r\n\Z", segment) for segment in sent[:-1])
    if mode == "LITERAL+":
        assert len(sent) == 1
    if mode == "LITERAL-":
        assert all(int(size) > 4096 for size in re.findall(rb"\{([0-9]+)\}\r\n\Z", b"".join(sent[:-1])))


@given(octets)
def test_a_string_is_never_an_atom(text: bytes) -> None:
    assert segments([Argument(text, bare=False)], "", utf8=False)[0][:1] in {b'"', b"{"}


@given(st.text().filter(lambda name: "\0" not in name))
def test_mailboxes_are_read_back(name: str) -> None:
    (modified,) = segments([Mailbox(name)], "LITERAL+", utf8=False)
    assert [mutf7.decode(raw) for raw in strings(modified)] == [name]
    (plain,) = segments([Mailbox(name)], "LITERAL+", utf8=True)
    assert [raw.decode() for raw in strings(plain)] == [name]


ONE = UidSet.from_uids([1])


@pytest.mark.parametrize(
    "make",
    [
        lambda: commands.login("a\0", Secret("b")),
        lambda: commands.login("a", Secret("b\0")),
        lambda: commands.login("\ud800", Secret("b")),
        lambda: commands.authenticate("PLAIN LOGOUT"),
        lambda: commands.authenticate("", b"a"),
        lambda: commands.examine("a\0"),
        lambda: commands.examine(b"a\0"),
        lambda: commands.examine("\udc80"),
        lambda: commands.search([b"a\0"]),
        lambda: commands.search(["ALL LOGOUT"]),
        lambda: commands.search(["ALL\r\nA1 LOGOUT"]),
        lambda: commands.search([UidSet()]),
        lambda: commands.status("a", []),
        lambda: commands.status("a", ["MESSAGES)"]),
        lambda: commands.enable(["A B"]),
        lambda: commands.enable([]),
        lambda: commands.store(ONE, "+", ["a b"]),
        lambda: commands.store(ONE, "+", ["\\"]),
        lambda: commands.store(ONE, "+", ["\\Seen\r\n"]),
        lambda: commands.store(ONE, "+", ["ä"]),
        lambda: commands.fetch_body(UidSet()),
        lambda: commands.fetch_body(ONE, section="] BODY["),
        lambda: commands.fetch_headers(ONE, ["A)] BODY["]),
        lambda: commands.fetch_headers(ONE, []),
        lambda: commands.fetch_body(ONE, -1, 5),
        lambda: commands.fetch_body(ONE, 0, 0),
        lambda: commands.fetch_body(ONE, 2**63, 1),
        lambda: commands.list_messages(0, None),
        lambda: commands.list_messages(1, 2**32),
    ],
)
def test_what_no_command_can_carry(make: Callable[[], Command]) -> None:
    with pytest.raises(UnsendableArgument):
        make()


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (commands.fetch_uids(UidSet.from_uids([1, 901, 1801])), b"FETCH 1,901,1801 (UID)"),
        (commands.list_messages(5, None), b"UID FETCH 5:* (UID RFC822.SIZE INTERNALDATE)"),
        (
            commands.list_messages(5, 7, emailid=True, gmail=True),
            b"UID FETCH 5:7 (UID RFC822.SIZE INTERNALDATE EMAILID X-GM-MSGID)",
        ),
        (commands.fetch_body(ONE), b"UID FETCH 1 (UID BODY.PEEK[])"),
        (commands.fetch_body(ONE, 0, 1048576), b"UID FETCH 1 (UID BODY.PEEK[]<0.1048576>)"),
        (
            commands.fetch_body(ONE, section="HEADER.FIELDS (From To)"),
            b"UID FETCH 1 (UID BODY.PEEK[HEADER.FIELDS (From To)])",
        ),
        (commands.fetch_headers(ONE, ("TO", "DATE")), b"UID FETCH 1 (UID BODY.PEEK[HEADER.FIELDS (TO DATE)])"),
        (commands.fetch_facts(ONE), b"UID FETCH 1 (UID RFC822.SIZE FLAGS INTERNALDATE)"),
        (
            commands.fetch_facts(ONE, ["TO"]),
            b"UID FETCH 1 (UID RFC822.SIZE FLAGS INTERNALDATE BODY.PEEK[HEADER.FIELDS (TO)])",
        ),
        (commands.quota_root("INBOX"), b"GETQUOTAROOT INBOX"),
        (commands.store(ONE, "-", ["\\Deleted", "$Junk"]), b"UID STORE 1 -FLAGS.SILENT (\\Deleted $Junk)"),
        (commands.search(["OR", "SEEN", "NOT", "(", "FROM", b"a b", ")"]), b'UID SEARCH OR SEEN NOT (FROM "a b")'),
        (commands.search(["(", "(", "SEEN", ")", ")", "TEXT", b"(", "SEEN"]), b'UID SEARCH ((SEEN)) TEXT "(" SEEN'),
        (
            commands.search(["BODY", b")", "(", "SEEN", ")"], esearch=True),
            b'UID SEARCH RETURN (ALL COUNT) BODY ")" (SEEN)',
        ),
        (commands.search(["UID", UidSet([(1, 4)]), "UNSEEN"]), b"UID SEARCH UID 1:4 UNSEEN"),
        (commands.search_all(esearch=False), b"UID SEARCH ALL"),
        (commands.list_mailboxes("[Gmail]/%"), b'LIST "" "[Gmail]/%"'),
        (commands.examine("", condstore=True), b'EXAMINE "" (CONDSTORE)'),
        (commands.move(ONE, "NIL"), b'UID MOVE 1 "NIL"'),
        (commands.copy(ONE, b"A&B"), b"UID COPY 1 A&B"),
        (commands.id_("popbridge", "0.1"), b'ID ("name" "popbridge" "version" "0.1")'),
        (commands.namespace(), b"NAMESPACE"),
    ],
)
def test_commands_as_they_are_sent(command: Command, line: bytes) -> None:
    parts = (command.name.encode(), *command.parts)
    assert segments(parts, "", utf8=False) == [line]


def test_secrets_do_not_show() -> None:
    for command in (
        commands.login("fred", Secret("geheim")),
        commands.authenticate("PLAIN", b"\0fred\0geheim"),
    ):
        assert "geheim" not in repr(command) + str(command)
        assert "AGZyZWQAZ2VoZWlt" not in repr(command) + str(command) + repr(command.parts)
    assert str(commands.login("fred", Secret("geheim"))) == "LOGIN fred …"
