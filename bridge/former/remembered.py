"""What a device's program remembers of its former server: the unique-ids of what it has fetched, out of its files.

Pure. `docs/moving-in.md` says what each format was read from.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from bridge.former.failures import FormerFailed
from bridge.model.failures import WrongRequest

LARGEST = 64 * 2**20
"""Octets of a file: a million unique-ids of 64 characters. What is larger is no such file."""


class Remembered(NamedTuple):
    """What one file tells of one maildrop. `user` and `host` are empty where the file does not say them."""

    user: str
    host: str
    uidls: list[str]

    def __str__(self) -> str:
        return f"{self.user}@{self.host}"


Fact = tuple[str, str, str]
"""User, host, unique-id."""


def read(kind: str, octets: bytes, of: str = "") -> Remembered:
    """Read a file of one of `KINDS`. Where it tells of several maildrops, `of` says which: `USER@HOST`.

    Ids come in the file's order, each once. Raises `WrongRequest`, and `FormerFailed` for what is no such file.
    """
    if kind not in KINDS:
        raise WrongRequest(f"there is no kind of file {kind!r}: say {', '.join(KINDS)}")
    found: dict[tuple[str, str], dict[str, None]] = {}
    for user, host, uidl in KINDS[kind](octets.decode("utf-8", "backslashreplace")):
        found.setdefault((user, host), {})[uidl] = None
    return _chosen([Remembered(user, host, list(uidls)) for (user, host), uidls in found.items()], of)


def _chosen(maildrops: list[Remembered], of: str) -> Remembered:
    if of:
        maildrops = [maildrop for maildrop in maildrops if str(maildrop).lower() == of.lower()]
    if len(maildrops) == 1:
        return maildrops[0]
    if not maildrops:
        raise FormerFailed(f"the file has no unique-ids{f' of {of}' if of else ''}")
    names = ", ".join(str(maildrop) for maildrop in maildrops)
    raise WrongRequest(f"the file tells of several maildrops, so say which with --of: {names}")


def _lines(text: str) -> Iterator[tuple[int, str]]:
    return ((number, line) for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1) if line.strip())


def _thunderbird(text: str) -> Iterator[Fact]:
    """`popstate.dat`: `*HOST USER`, then `STATUS UIDL [TIME]`; also as Netscape wrote it."""
    host = user = ""
    for number, line in _lines(text):
        if line.startswith("#"):
            continue
        if line.startswith("*"):
            host, _, user = line[1:].strip().partition(" ")
            continue
        words = line.split(" ")
        if len(words[0]) != 1 or not words[0].islower() or len(words) not in (2, 3):
            raise FormerFailed(f"line {number} is not of a popstate.dat")
        yield user, host, words[1]


def _fetchmail(text: str) -> Iterator[Fact]:
    """`.fetchids`: `USER@HOST UIDL`. The user may hold an `@`, the unique-id as well."""
    for number, line in _lines(text):
        where, _, uidl = line.strip().partition(" ")
        user, at, host = where.rpartition("@")
        if not at or not uidl.strip():
            raise FormerFailed(f"line {number} is not of fetchmail's file of ids")
        yield user, host, uidl.strip()


def _mpop(text: str) -> Iterator[Fact]:
    """`.mpop_uidls/USER_at_HOST`: a blank, the count, host and user; then so many lines with ids."""
    host = user = ""
    left = 0
    for number, line in _lines(text):
        if line.startswith("#") and not left:
            continue
        if not left:
            words = line.split(" ", 3)
            if len(words) != 4 or words[0] or not words[1].isdecimal():
                raise FormerFailed(f"line {number} is not of mpop's file of ids")
            left, host, user = int(words[1][:9]), words[2], words[3]
        else:
            left -= 1
            yield user, host, line
    if left:
        raise FormerFailed("mpop's file of ids ends too early")


def _getmail(text: str) -> Iterator[Fact]:
    """`oldmail-HOST-PORT-USER`: id, NUL, time. The file's name alone says whose they are."""
    for number, line in _lines(text):
        uidl, nul, time = line.partition("\0")
        if not nul or not time.strip().isdecimal():
            raise FormerFailed(f"line {number} is not of getmail's oldmail file")
        yield "", "", uidl


def _list(text: str) -> Iterator[Fact]:
    """One id a line, or what UIDL printed: numbers and ids."""
    lines = [line.strip() for _, line in _lines(text)]
    pairs = [line.split() for line in lines if line != "."]
    if all(len(words) == 2 and words[0].isdecimal() for words in pairs):
        yield from (("", "", words[1]) for words in pairs)
    else:
        yield from (("", "", line) for line in lines)


KINDS: Mapping[str, Callable[[str], Iterator[Fact]]] = {
    "thunderbird": _thunderbird,
    "fetchmail": _fetchmail,
    "mpop": _mpop,
    "getmail": _getmail,
    "list": _list,
}
"""The programs whose files can be read, and `list` for any other: one unique-id a line."""
