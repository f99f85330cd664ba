"""`sources` of a device: what it reads, each element a text or a table with a mark."""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Annotated

from bridge.config import values
from bridge.config.kinds import Text
from bridge.config.problems import KeyPath, quoted, suggestion
from bridge.config.reading import Reading
from bridge.config.tables import Reads, Table, entry, read_table
from bridge.model.settings import AccountSettings, Source

LONGEST_MARK = 40
"""Characters: a mark stands in front of every subject, and more would leave none of it to see."""

_WORD_OCTETS = 45
"""What an encoded word holds: in base64 60 characters, with what is around it 72 of 75 (RFC 2047 §2)."""


AnySource = Annotated[object, Reads(lambda value: value, "text, or table `{ source = …, mark = … }`")]
"""An element of the list: `source_settings` reads it, since a table may have several mistakes."""


class SourceTable(Table):
    """An element of `sources` that is a table."""

    source: Annotated[str, Reads(values.source, "text")] = entry("", "`ACCOUNT` or `ACCOUNT/MAILBOX`")
    mark: Text = entry("", "what stands in front of subjects")


def source_settings(
    raw: object, path: KeyPath, accounts: Mapping[str, AccountSettings], reading: Reading
) -> tuple[Source, ...]:
    """Give what a device reads, noting what is missing, unknown, or marked in two ways.

    A mailbox that is named twice stands where it was named first, with the one mark it was given.
    """
    found: dict[tuple[str, str], Source] = {}
    for position, element in enumerate(raw if isinstance(raw, list) else [], 1):
        where = (*path, "sources", position)
        for source in _element(element, where, accounts, reading):
            place = (source.account, source.mailbox)
            earlier = found.setdefault(place, source)
            if earlier.mark and source.mark and earlier.mark != source.mark:
                reading.problems.add((*where, "mark"), "another mark was given to the same mailbox before")
            elif source.mark:
                found[place] = source
    return tuple(found.values())


def _element(
    element: object, where: KeyPath, accounts: Mapping[str, AccountSettings], reading: Reading
) -> Iterator[Source]:
    written = {"source": element} if isinstance(element, str) else element
    if not isinstance(written, dict):
        reading.problems.add(where, 'must be text in quotes ("…"), or a table such as { source = "…", mark = "…" }')
        return
    table = read_table(SourceTable, written, where, reading.problems)
    if "source" not in written:
        reading.problems.add((*where, "source"), "is missing")
    if not table.source:
        return
    mark = _mark(table.mark, where, reading)
    name, slash, mailbox = table.source.partition("/")
    account = accounts.get(name)
    if account is None:
        reading.problems.add((*where, "source"), f"there is no account {quoted(name)}{suggestion(name, accounts)}")
        return
    yield from (Source(account.id, chosen, mark) for chosen in ([mailbox] if slash else account.mailboxes))


def _mark(mark: str, where: KeyPath, reading: Reading) -> str:
    if len(mark) > LONGEST_MARK:
        reading.problems.add((*where, "mark"), f"must not be longer than {LONGEST_MARK} characters")
    return encoded(mark.strip())


def encoded(text: str) -> str:
    """Give a text as a header field can hold it: itself where it is ASCII, else encoded words (RFC 2047 §2).

    A text that could be taken for an encoded word is encoded as well, so that it is shown as it was written. Encoded,
    it has a blank of its own at its end: one between two encoded words is not shown (RFC 2047 §6.2).
    """
    if text.isascii() and "=?" not in text:
        return text
    return " ".join(f"=?utf-8?b?{b64encode(part.encode()).decode()}?=" for part in _parts(f"{text} "))


def _parts(text: str) -> Iterator[str]:
    """Cut a text so that no character is divided between encoded words (RFC 2047 §5)."""
    part = ""
    for char in text:
        if len((part + char).encode()) > _WORD_OCTETS:
            yield part
            part = ""
        part += char
    yield part
