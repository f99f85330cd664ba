"""The search key of a device: what may be written, what it becomes, and what is told of the rest."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.imap import commands
from bridge.imap.encode import segments
from bridge.search import DEEPEST, LONGEST, SearchMistake, parse


def sent(text: str) -> str:
    """Give the command that asks for a search key, as it goes over the wire."""
    return b"".join(segments(commands.search(parse(text)).parts, "LITERAL+", utf8=False)).decode().strip()


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("UNSEEN", "UNSEEN"),
        ('from "boss@example.org" not subject "spam"', "FROM boss@example.org NOT SUBJECT spam"),
        ("OR FLAGGED (FROM a TO b) SEEN", "OR FLAGGED (FROM a TO b) SEEN"),
        ("OR NOT OR SEEN DRAFT NOT (ALL)", "OR NOT OR SEEN DRAFT NOT (ALL)"),
        ("((SEEN)(DRAFT))", "((SEEN) (DRAFT))"),
        ('\tSINCE  1-jan-2026 SENTBEFORE "02-FEB-2026" ', "SINCE 1-Jan-2026 SENTBEFORE 2-Feb-2026"),
        ("LARGER 007 SMALLER 4000000000", "LARGER 7 SMALLER 4000000000"),
        ("KEYWORD $Forwarded UNKEYWORD Junk", "KEYWORD $Forwarded UNKEYWORD Junk"),
        ('HEADER List-Id "" BODY "say \\"hi\\" \\\\o"', 'HEADER List-Id "" BODY "say \\"hi\\" \\\\o"'),
        ("TEXT Müller", "CHARSET UTF-8 TEXT {7+}\r\nMüller"),
        ('SUBJECT "ALL" CC NOT BCC nil', 'SUBJECT ALL CC NOT BCC "nil"'),
        ('SUBJECT "x) LOGOUT"', 'SUBJECT "x) LOGOUT"'),
    ],
)
def test_search_keys(written: str, asked: str) -> None:
    assert sent(written) == asked


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("", "must hold a search key"),
        (" \t ", "must hold a search key"),
        ("UNSEN", r"word 1: there is no such search key \(did you mean 'UNSEEN'\?\)"),
        ('FROM "a" NOT SUBJCT "b"', r"word 4: there is no such search key \(did you mean 'SUBJECT'\?\)"),
        ("X-GM-RAW a", "word 1: there is no such search key$"),
        ('"SEEN"', "word 1: a text stands where a search key should be"),
        ("(SEEN", "ends where a closing parenthesis is missing"),
        ("SEEN)", "word 2: this parenthesis was never opened"),
        ("()", "word 2: there is nothing in these parentheses"),
        ("(OR SEEN)", "word 4: a search key is missing before this parenthesis"),
        ("NOT", "ends where a search key is missing"),
        ("OR SEEN", "ends where a search key is missing"),
        ("FROM", "word 2: FROM must be followed by a text"),
        ("NOT (SINCE)", "word 4: SINCE must be followed by a date"),
        ('FROM "a', "word 2: its closing quote is missing"),
        ('FROM "a\\b"', "word 2: .* backslash"),
        ('FROM"a"', "word 1: a blank must follow it"),
        ('FROM "a"TO b', "word 2: a blank must follow it"),
        ("1:*", "word 1: message-numbers change"),
        ("SEEN 7", "word 2: message-numbers change"),
        ("$", "word 1: message-numbers change"),
        ("UID 5", "word 1: UIDs name messages of one mailbox alone"),
        ("RECENT", r"RECENT goes by who asked first, .*\(is UNSEEN meant\?\)"),
        ("OLDER 86400", "word 1: an age changes with the day"),
        (
            "NOT YOUNGER 86400",
            "word 2: .* write a date such as 1-Jan-2026, or use the key window",
        ),
        ("30d", "word 1: an age changes with the day"),
        ('SINCE "30d"', "word 2: an age changes with the day"),
        ('SINCE "2 weeks ago"', "word 2: an age changes with the day"),
        ("SINCE yesterday", "word 2: an age changes with the day"),
        ("SINCE 2026-01-09", r"word 2: must be a date as IMAP writes it \(did you mean '9-Jan-2026'\?\)"),
        ("SINCE 29-Feb-2026", "word 2: there is no such day"),
        ("SINCE 1-Foo-2026", "word 2: must be a date such as"),
        ("LARGER 4MB", "word 2: must be a number of octets"),
        ("LARGER -1", "word 2: must be a number of octets"),
        ("KEYWORD \\Seen", "word 2: a flag with a backslash has a search key of its own"),
        ('KEYWORD "two words"', "word 2: a keyword is a word of ASCII"),
        ("KEYWORD nil", "word 2: a keyword is a word of ASCII"),
        ("HEADER Subject: x", "word 2: a header field's name"),
        ('HEADER "" x', "word 2: a header field's name"),
        ("FROM \x00", "control characters"),
        ("FROM a\r\nA1 LOGOUT", "control characters"),
        ("FROM \ud800", "halves of characters"),
        ("FROM " + "ä" * LONGEST, "must not be longer than 2000 octets"),
    ],
)
def test_mistakes(written: str, told: str) -> None:
    with pytest.raises(SearchMistake, match=f"^(?:{told}|.*{told})"):
        parse(written)


@pytest.mark.parametrize("nest", ["NOT {}", "({})", "OR SEEN {}", "NOT ({})"])
def test_nesting_is_bounded(nest: str) -> None:
    levels = nest.count("(") + ("NOT" in nest) + ("OR" in nest)
    key = "ALL"
    for _ in range(DEEPEST // levels):
        key = nest.format(key)
    assert parse(key)
    with pytest.raises(SearchMistake, match="keys within keys"):
        parse(nest.format(key))


KEYS = "ALL NOT OR ( ) FROM HEADER SINCE 1-Jan-2026 2026-01-01 LARGER 5 KEYWORD x UID 1:* 3d nil"
pieces = st.one_of(st.sampled_from(KEYS.split()), st.text(max_size=5), st.text('"\\ ()ä\r\n', max_size=5))


@given(st.lists(pieces, max_size=12), st.sampled_from([" ", ""]))
def test_any_text_becomes_one_command_or_a_sentence(words: list[str], gap: str) -> None:
    line = told = ""
    try:
        line = sent(gap.join(words))
    except SearchMistake as mistake:
        told = str(mistake)
    outside = re.sub(r'"(?:[^"\\]|\\.)*"', "x", line) if "{" not in line else ""
    assert line or told
    assert told.isprintable()
    assert "\r" not in outside
    assert outside.count("(") == outside.count(")")


def test_what_was_written_is_not_told() -> None:
    for text in ("hunter2", "FROM hunter2 hunter2", "SINCE hunter2", "KEYWORD hünter2", '"hunter2"', "HEADER hunter2"):
        with pytest.raises(SearchMistake) as caught:
            parse(text)
        assert "nter2" not in str(caught.value)
