"""Targets: texts that people and other programs write."""

from collections.abc import Sequence
from contextlib import suppress

from bridge.former.failures import FormerFailed
from bridge.former.remembered import KINDS, read
from bridge.identity import content_identity, message_id
from bridge.imap import UnsendableArgument, commands, mutf7
from bridge.imap.encode import LiteralMode, segments
from bridge.model.failures import WrongRequest
from bridge.search import SearchMistake
from bridge.search import parse as parse_search


def search(octets: bytes) -> None:
    """An owner writes these as a search key: it is refused, or what is sent for it is one command."""
    with suppress(SearchMistake, UnsendableArgument):
        _one_command(commands.search(list(parse_search(octets.decode("utf-8", "replace")))))


def names(octets: bytes) -> None:
    """A server, or an owner, calls a mailbox so: it is shown, and whatever is sent for it is one command."""
    shown = mutf7.decode(octets)
    assert mutf7.decode(mutf7.encode(shown)) == shown
    for name in (octets, shown):
        with suppress(UnsendableArgument):
            for command in (commands.examine(name), commands.status(name, ["UIDNEXT"]), commands.notify([name])):
                _one_command(command)


def _one_command(command: commands.Command) -> None:
    modes: tuple[LiteralMode, ...] = ("", "LITERAL-", "LITERAL+")
    for mode in modes:
        for utf8 in (False, True):
            sent = b"".join(segments(command.parts, mode, utf8=utf8))
            assert b"\n" not in without_literals(sent)
            assert b"\0" not in sent


def without_literals(sent: bytes) -> bytes:
    """Give a command's octets less those that its literals announce, and their line ends."""
    kept = b""
    while b"}\r\n" in sent:
        head, _, sent = sent.partition(b"}\r\n")
        kept, _, length = (kept + head).rpartition(b"{")
        sent = sent[int(length.rstrip(b"+")) :]
    return kept + sent


def identity(octets: bytes) -> None:
    """A message's header is these: it has one identity, whatever its line ends are."""
    plain = octets.replace(b"\r", b"")
    assert (
        content_identity(octets, 7) == content_identity(plain, 7) == content_identity(plain.replace(b"\n", b"\r\n"), 7)
    )
    assert "\n" not in message_id(octets)


def former(octets: bytes) -> None:
    """A program's file of what it has fetched holds these: its unique-ids are read, or it is refused."""
    for kind in KINDS:
        with suppress(WrongRequest, FormerFailed):
            assert len(read(kind, octets).uidls) <= len(octets)


SEARCHES: Sequence[bytes] = (
    b"UNSEEN",
    b'OR (FROM "anna" SINCE 1-Feb-1994) NOT DELETED',  # RFC 3501 §6.4.4, nearly
    b'HEADER Message-ID "<B27397-0100000@cac.washington.edu>" LARGER 4286',
    "SUBJECT \N{LATIN SMALL LETTER A WITH DIAERESIS} SENTBEFORE 2026-11-26 KEYWORD $Junk".encode(),
)

NAMES: Sequence[bytes] = (
    b"INBOX",
    b"~peter/mail/&U,BTFw-/&ZeVnLIqe-",  # RFC 3501 §5.1.3
    b"&Jjo-!",
    b"Entw&APw-rfe",
    b'a"b\\c{5}\r\n* x',
    b"&-&",
)

FILES: Sequence[bytes] = (
    b"# POP3 State File\n*pop.example.org anna\nk 0000002a4f1c 1700000000\n",
    b"anna@pop.example.org 0000002a4f1c\n",
    b" 2 pop.example.org anna\nfirst\nsecond\n",
    b"0000002a4f1c\x001700000000\n",
    b"+OK\n1 whqtswO00WBw418f9t5JxYwZ\n2 QhdPYR:00WBw1Ph7x7\n.\n",  # RFC 1939 §7
)

HEADERS: Sequence[bytes] = (
    b"Message-ID: <1234@local.machine.example>\r\nTo: Mary Smith <mary@example.net>\r\nSubject: a\r\n b\r\n\r\nx",
    b"subject : x\nmessage-id:<>\n\n",
)
