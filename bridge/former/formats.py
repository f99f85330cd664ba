"""Unique-ids that follow from where a message lies: what POP3 servers make of the UIDs that IMAP tells.

Pure. `docs/moving-in.md` says where each format is from.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from bridge.former.records import Candidate
from bridge.model.failures import WrongRequest
from bridge.model.names import EntrySeq

TIMESTAMP = 10_000_000
"""From here on a UIDVALIDITY is one of a kind, for it was made of a time; small numbers are every server's."""

Piece = Callable[[Candidate], str]


class Format(NamedTuple):
    """One way to make unique-ids. `lasting`: of an id that fits, UIDVALIDITY or an id of the provider's is a part, so
    that it fits no other message by chance."""

    name: str
    pieces: tuple[Piece, ...]
    lasting: bool

    def of(self, candidate: Candidate) -> str:
        """Give a message's unique-id in this format, or an empty text where it has none."""
        found = [piece(candidate) for piece in self.pieces]
        return "".join(found) if all(found) else ""

    def sure(self, candidate: Candidate) -> bool:
        """Tell whether an id that fits this message can be taken for its own without anybody saying so."""
        return self.lasting and (self.name == GMAIL or candidate.uidvalidity >= TIMESTAMP)


GMAIL = "gmail"

KNOWN: Mapping[str, str] = {
    "dovecot": "%08Xu%08Xv",
    "uw": "%08Xv%08Xu",
    "cyrus": "%v.%u",
    "courier": "%v-%u",
    "courier-uid": "UID%u-%v",
    "uid": "%u",
}
"""Formats by name, written as Dovecot 2.3 would."""

_PART = re.compile(
    r"%(?P<zero>0?)(?P<width>[0-9]{0,2})(?P<how>[A-Za-z]*?)(?P<what>[uvmfg%])|%\{(?P<name>[a-z0-9_]+)(?P<filters>[^}]*)\}"
)
_FILTER = re.compile(r"\s*\|\s*(?P<filter>[a-z]+)\s*(?:\(\s*(?P<width>[0-9]{1,2})\s*\))?")
_NAMES = {"uid": "u", "uidvalidity": "v", "md5": "m", "filename": "f", "guid": "g"}
_HIDDEN = {
    "m": "digests of the mailbox file",
    "f": "file names",
    "g": "GUIDs",
}


def known_formats() -> list[Format]:
    """Give every format that is tried without being asked for: those whose ids are no one else's."""
    return [*(parse(name) for name, template in KNOWN.items() if "%v" in template or "Xv" in template), _gmail()]


def parse(text: str) -> Format:
    """Give a format by its name, or as Dovecot's `pop3_uidl_format` has it, in the way of 2.3 or of 2.4.

    Raises `WrongRequest`, for what IMAP does not tell as well.
    """
    if text == GMAIL:
        return _gmail()
    template = KNOWN.get(text, text)
    if "%" not in template:
        names = ", ".join([*KNOWN, GMAIL])
        raise WrongRequest(f"there is no format of unique-ids {text!r}: say {names}, or one such as %08Xu%08Xv")
    pieces: list[Piece] = []
    fields: set[str] = set()
    at = 0
    while at < len(template):
        if found := _PART.match(template, at):
            what = found["what"] or _NAMES.get(found["name"], found["name"])
            pieces.append(_piece(what, found))
            fields.add(what)
            at = found.end()
        else:
            end = template.find("%", at)
            pieces.append(_literal(template, at, end if end >= 0 else len(template)))
            at = end if end >= 0 else len(template)
    if "u" not in fields:
        raise WrongRequest("a format of unique-ids needs the UID, %u: otherwise all messages have the same")
    return Format(text, tuple(pieces), "v" in fields)


def _gmail() -> Format:
    def piece(candidate: Candidate) -> str:
        kind, _, number = candidate.provider.partition(":")
        return f"GmailId{int(number):x}" if kind == GMAIL and number.isdecimal() else ""

    return Format(GMAIL, (piece,), lasting=True)


def _literal(template: str, start: int, end: int) -> Piece:
    if start == end:
        raise WrongRequest(f"the format of unique-ids has something unknown behind the '%' at character {start + 1}")
    text = template[start:end]
    return lambda _: text


def _piece(what: str, found: re.Match[str]) -> Piece:
    if what == "%":
        return lambda _: "%"
    if what in _HIDDEN:
        raise WrongRequest(f"{_HIDDEN[what]} are not told over IMAP, so such unique-ids must be read from the server")
    if what not in ("u", "v"):
        raise WrongRequest(f"{what!r} is nothing that a unique-id is made of: use uid and uidvalidity")
    write = _new_style(found["filters"]) if found["name"] else _old_style(found)
    return (lambda candidate: write(candidate.uid)) if what == "u" else (lambda candidate: write(candidate.uidvalidity))


def _old_style(found: re.Match[str]) -> Callable[[int], str]:
    how = found["how"]
    if set(how) - set("XLU"):
        raise WrongRequest(f"the modifier {how!r} in the format of unique-ids is not known: X, L and U are")
    return _writer(hexadecimal="X" in how, upper="U" in how, width=int(found["width"] or 0), zeros=bool(found["zero"]))


def _new_style(filters: str) -> Callable[[int], str]:
    hexadecimal, upper, width, at = False, False, 0, 0
    while at < len(filters.rstrip()):
        found = _FILTER.match(filters, at)
        if found is None or found["filter"] not in ("hex", "upper", "lower"):
            raise WrongRequest("a filter in the format of unique-ids is not known: hex, upper and lower are")
        if found["filter"] == "hex":
            hexadecimal, width = True, int(found["width"] or 0)
        upper = found["filter"] == "upper" or (upper and found["filter"] != "lower")
        at = found.end()
    return _writer(hexadecimal=hexadecimal, upper=upper, width=width, zeros=True)


def _writer(*, hexadecimal: bool, upper: bool, width: int, zeros: bool) -> Callable[[int], str]:
    """With `zeros` a short number is padded; without, a long one is cut behind `width`, as Dovecot does."""

    def write(number: int) -> str:
        digits = f"{number:x}" if hexadecimal else str(number)
        digits = digits.upper() if upper else digits
        return digits.rjust(width, "0") if zeros else digits[: width or None]

    return write


def computed(
    formats: Sequence[Format], ids: Iterable[str], candidates: Sequence[Candidate], *, asked_for: bool
) -> dict[str, tuple[Candidate, str]]:
    """Find the messages that ids belong to because they follow from where the messages lie: id → message, format.

    Without `asked_for` only ids count that fit by no chance. The format that explains the most ids goes first; a
    message is given to one id. An id that fits messages of two mailboxes is the INBOX's, for that is what POP3 servers
    show, or nobody's.
    """
    wanted = set(ids)
    explained = [(form, _by_id(form, wanted, candidates, asked_for=asked_for)) for form in formats]
    found: dict[str, tuple[Candidate, str]] = {}
    taken: set[EntrySeq] = set()
    for form, fitting in sorted(explained, key=lambda each: -len(each[1])):
        for uidl, candidate in fitting.items():
            if uidl not in found and candidate.seq not in taken:
                found[uidl] = candidate, form.name
                taken.add(candidate.seq)
    return found


def _by_id(form: Format, wanted: set[str], candidates: Sequence[Candidate], *, asked_for: bool) -> dict[str, Candidate]:
    fitting: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        uidl = form.of(candidate)
        if uidl in wanted and (asked_for or form.sure(candidate)):
            fitting.setdefault(uidl, []).append(candidate)
    chosen = {uidl: _only(several) for uidl, several in fitting.items()}
    return {uidl: candidate for uidl, candidate in chosen.items() if candidate is not None}


def _only(candidates: list[Candidate]) -> Candidate | None:
    inbox = [candidate for candidate in candidates if candidate.inbox]
    chosen = inbox or candidates
    return chosen[0] if len(chosen) == 1 else None
