"""The grammar of IMAP SEARCH, for the key that decides what a device sees (RFC 3501 §6.4.4, RFC 9051 §6.4.4).

What may be written is what stays true of a message: nothing that goes by message-numbers, by UIDs, by the connection
that asks, or by how old a message is on the day of asking.
"""

import re
from collections.abc import Mapping
from datetime import date
from difflib import get_close_matches
from typing import Literal, NamedTuple, assert_never

from bridge.model.failures import BridgeError

Criteria = tuple[str | bytes, ...]
"""What `bridge.imap.commands.search` takes: `str` is a word or parenthesis of SEARCH, `bytes` a text to look for."""

LONGEST = 2000
"""Octets: with what else stands on it, the command's line stays below 8000 (RFC 7162 §4)."""

DEEPEST = 20
"""Keys within keys, parentheses included; some servers read them by recursion."""

Kind = Literal["text", "field", "flag", "date", "number"]

_BY_ARGUMENTS: Mapping[str, tuple[Kind, ...]] = {
    "ALL ANSWERED DELETED DRAFT FLAGGED SEEN UNANSWERED UNDELETED UNDRAFT UNFLAGGED UNSEEN": (),
    "BCC BODY CC FROM SUBJECT TEXT TO": ("text",),
    "BEFORE ON SINCE SENTBEFORE SENTON SENTSINCE": ("date",),
    "LARGER SMALLER": ("number",),
    "KEYWORD UNKEYWORD": ("flag",),
    "HEADER": ("field", "text"),
}
_KEYS = {word: kinds for words, kinds in _BY_ARGUMENTS.items() for word in words.split()}
_KEYS_BEHIND: Mapping[str, int] = {"NOT": 1, "OR": 2}
"""The keys that are about keys, and about how many."""

_MOVING = "an age changes with the day: write a date such as 1-Jan-2026, or use the key window"
_PASSING = "goes by who asked first, not by the message (is UNSEEN meant?)"
_NUMBERS = "message-numbers change from session to session, so a search cannot go by them"
_UIDS = "UIDs name messages of one mailbox alone, so a search cannot go by them"
_REFUSED: Mapping[str, str] = {
    **dict.fromkeys(("OLDER", "YOUNGER"), _MOVING),
    **{word: f"{word} {_PASSING}" for word in ("NEW", "OLD", "RECENT")},
    "UID": _UIDS,
    "$": _NUMBERS,
}

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_BLANKS = re.compile(r"[ \t]*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
_BARE = re.compile(r'[^ \t()"]+')
_DATE = re.compile(r"([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})")
_ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
_SET = re.compile(r"[0-9*][0-9*:,]*")
_AGE = re.compile(r"[+-]?[0-9]+ ?[a-z]+(?: ago)?|now|today|yesterday", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]{1,18}")
_FIELD = re.compile(r"[!-9;-~]+")
"""A header field's name (RFC 5322 §3.6.8)."""
_FLAG = re.compile(r"[A-Za-z0-9!#$&'+,./:;<=>?@^_`|~-]+")
"""An atom (RFC 3501 §9), less the letters that some servers do not take in one."""


class SearchMistake(BridgeError):
    """A text is no search key, or none that may be used here. `str()` is a sentence that shows none of the text."""


class _Word(NamedTuple):
    text: str
    quoted: bool = False


def parse(text: str) -> Criteria:
    """Read a search key as a person writes it. Several beside each other must all be true of a message.

    Whatever is looked for comes as octets, in UTF-8, so that nothing in it can be taken for a key or a command.
    Raises `SearchMistake`.
    """
    if any((ord(char) < 32 and char != "\t") or ord(char) == 127 or 0xD800 <= ord(char) < 0xE000 for char in text):
        raise SearchMistake("must not hold control characters or halves of characters")
    if len(text.encode()) > LONGEST:
        raise SearchMistake(f"must not be longer than {LONGEST} octets")
    return _Reader(_words(text)).read()


def _words(text: str) -> list[_Word]:
    words: list[_Word] = []
    at, end = 0, len(text.rstrip(" \t"))
    while at < end:
        at = _end(_BLANKS, text, at)
        if text[at] in "()":
            words.append(_Word(text[at]))
            at += 1
            continue
        found = _QUOTED.match(text, at) or _BARE.match(text, at)
        if found is None:
            raise _mistake(len(words), 'its closing quote is missing, or has a backslash before it that is not for a "')
        words.append(_Word(re.sub(r"\\(.)", r"\1", found[1]), quoted=True) if found.re is _QUOTED else _Word(found[0]))
        at = found.end()
        if at < end and text[at] not in " \t()":
            raise _mistake(len(words) - 1, "a blank must follow it")
    return words


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _mistake(position: int, sentence: str) -> SearchMistake:
    return SearchMistake(f"word {position + 1}: {sentence}")


class _Reader:
    """Reads words into criteria.

    What is begun and not complete is a stack, not a recursion: a number for a key that waits for so many keys more, or
    None for a parenthesis.
    """

    def __init__(self, words: list[_Word]) -> None:
        self._words = words
        self._at = 0
        self._begun: list[int | None] = []
        self._found: list[str | bytes] = []

    def read(self) -> Criteria:
        if not self._words:
            raise SearchMistake("must hold a search key such as UNSEEN")
        while self._at < len(self._words):
            self._key()
        if self._begun:
            missing = "a closing parenthesis" if self._begun[-1] is None else "a search key"
            raise SearchMistake(f"ends where {missing} is missing")
        return tuple(self._found)

    def _key(self) -> None:
        word, position = self._words[self._at], self._at
        self._at += 1
        if word.quoted:
            raise _mistake(position, "a text stands where a search key should be")
        match key := word.text.upper():
            case "(":
                self._begin(None, key)
            case ")":
                self._close(position)
            case "NOT" | "OR":
                self._begin(_KEYS_BEHIND[key], key)
            case _:
                self._simple(key, position)

    def _begin(self, waits: int | None, word: str) -> None:
        if len(self._begun) >= DEEPEST:
            raise SearchMistake(f"must not have more than {DEEPEST} keys within keys")
        self._begun.append(waits)
        self._found.append(word)

    def _close(self, position: int) -> None:
        if self._found[-1:] == ["("]:
            raise _mistake(position, "there is nothing in these parentheses")
        if not self._begun:
            raise _mistake(position, "this parenthesis was never opened")
        if self._begun.pop() is not None:
            raise _mistake(position, "a search key is missing before this parenthesis")
        self._found.append(")")
        self._complete()

    def _complete(self) -> None:
        """A key is whole: so may be those that waited for it."""
        while self._begun and (waits := self._begun[-1]) is not None:
            if waits > 1:
                self._begun[-1] = waits - 1
                return
            self._begun.pop()

    def _simple(self, key: str, position: int) -> None:
        kinds = _KEYS.get(key)
        if kinds is None:
            raise _mistake(position, _no_key(key))
        self._found.append(key)
        for kind in kinds:
            self._found.append(self._argument(key, kind))
        self._complete()

    def _argument(self, key: str, kind: Kind) -> str | bytes:
        position = self._at
        word = self._words[position] if position < len(self._words) else _Word("(")
        if not word.quoted and word.text in "()":
            raise _mistake(position, f"{key} must be followed by {_WANTED[kind]}")
        self._at += 1
        try:
            return _read(kind, word.text)
        except SearchMistake as mistake:
            raise _mistake(position, str(mistake)) from None


_WANTED: Mapping[Kind, str] = {
    "text": "a text",
    "field": "a header field's name",
    "flag": "a keyword",
    "date": "a date",
    "number": "a number of octets",
}


def _no_key(word: str) -> str:
    if word in _REFUSED:
        return _REFUSED[word]
    if _SET.fullmatch(word):
        return _NUMBERS
    if _AGE.fullmatch(word):
        return _MOVING
    near = get_close_matches(word, [*_KEYS, *_KEYS_BEHIND], n=1)
    return f"there is no such search key{f' (did you mean {near[0]!r}?)' if near else ''}"


def _read(kind: Kind, text: str) -> str | bytes:
    match kind:
        case "text":
            return text.encode()
        case "field":
            return _field(text)
        case "flag":
            return _flag(text)
        case "date":
            return _date(text)
        case "number":
            return _number(text)
        case _:
            assert_never(kind)


def _field(text: str) -> bytes:
    if not _FIELD.fullmatch(text):
        raise SearchMistake("a header field's name is made of printable ASCII without blanks and colons")
    return text.encode("ascii")


def _flag(text: str) -> bytes:
    if text.startswith("\\"):
        raise SearchMistake("a flag with a backslash has a search key of its own, such as SEEN or FLAGGED")
    # NIL would have to be quoted, and a keyword cannot be (RFC 3501 §9, flag-keyword).
    if not _FLAG.fullmatch(text) or text.upper() == "NIL":
        raise SearchMistake("a keyword is a word of ASCII letters and digits such as $Forwarded")
    return text.encode("ascii")


def _date(text: str) -> str:
    if found := _DATE.fullmatch(text):
        day, month, year = int(found[1]), found[2].title(), int(found[3])
        if month in _MONTHS:
            return _written(year, _MONTHS.index(month) + 1, day)
    if found := _ISO_DATE.fullmatch(text):
        meant = _written(int(found[1]), int(found[2]), int(found[3]))
        raise SearchMistake(f"must be a date as IMAP writes it (did you mean {meant!r}?)")
    raise SearchMistake(_MOVING if _AGE.fullmatch(text) else "must be a date such as 1-Jan-2026")


def _written(year: int, month: int, day: int) -> str:
    try:
        date(year, month, day)
    except ValueError:
        raise SearchMistake("there is no such day in the calendar") from None
    return f"{day}-{_MONTHS[month - 1]}-{year:04}"


def _number(text: str) -> str:
    if not _NUMBER.fullmatch(text):
        raise SearchMistake("must be a number of octets, in digits alone")
    return str(int(text))
