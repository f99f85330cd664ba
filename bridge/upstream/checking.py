"""Whether a message is the one that is meant, asked in the very mailbox in which it is to be acted on."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.identity import IDENTITY_FIELDS, content_identity, message_id
from bridge.imap import UidSet, commands
from bridge.imap.events import Event, Fetched
from bridge.model.names import Uid, UidValidity
from bridge.model.places import NO_IDENTITY
from bridge.model.update import MovedTo
from bridge.upstream.link import Link
from bridge.upstream.outcome import Outcome
from bridge.upstream.selected import Selected

SECTIONS = 4
"""Header texts kept of one message; one was asked for, and some servers tell it in another name."""

ANY_SIZE = -1
"""For a copy that was made a moment ago: some servers tell another size of it than of its original."""


@dataclass(frozen=True, slots=True)
class Meant:
    """A message by its name and by what must be as it was. `size` is RFC822.SIZE; texts are empty where unknown."""

    uidvalidity: UidValidity
    uid: Uid
    size: int
    content: str = ""
    message_id: str = ""

    @classmethod
    def elsewhere(cls, moved: MovedTo, size: int, content: str) -> "Meant":
        """Mean a message that was copied to another place.

        Without a Message-ID its identity holds its INTERNALDATE, which a copy need not keep (RFC 3501 §6.4.7).
        """
        return cls(moved.uidvalidity, moved.uid, size, content if content.startswith("m") else "")

    @property
    def fields(self) -> tuple[str, ...]:
        """The header fields that are needed to tell."""
        return IDENTITY_FIELDS if self.content not in {"", NO_IDENTITY} or self.message_id else ()


@dataclass(slots=True)
class Found:
    """What the server told of a message, in however many responses."""

    size: int = -1
    date: int = 0
    flags: frozenset[str] = frozenset()
    sections: dict[str, bytes] = field(default_factory=dict)

    def take(self, event: Fetched) -> None:
        """Take one response about it."""
        self.size = self.size if event.size is None else event.size
        self.date = self.date if event.date is None else event.date
        self.flags = self.flags if event.flags is None else event.flags
        if len(self.sections) < SECTIONS:
            self.sections.update(event.sections)


def header_of(sections: Mapping[str, bytes]) -> bytes | None:
    """Give the header fields that were asked for, whatever the server called them; None when it gave none at all."""
    return max(sections.values(), key=len) if sections else None


async def check(link: Link, selected: Selected, meant: Meant) -> Found | Outcome:
    """Look at the message in the open mailbox. Gives how things end when it is not there, or is another one."""
    if selected.uidvalidity != meant.uidvalidity:
        return Outcome("elsewhere", f"{selected.mailbox} was numbered anew since")
    found = Found()

    def keep(event: Event) -> None:
        if isinstance(event, Fetched) and event.uid == meant.uid:
            found.take(event)

    await link.must("tell of a message", commands.fetch_facts(UidSet.from_uids([meant.uid]), meant.fields), keep)
    if found.size < 0:
        return Outcome("gone", "the message was no longer there")
    if meant.size not in {ANY_SIZE, found.size}:
        return Outcome("refused", "the message there has another size than the one that was listed")
    return (_compare(found, meant) if meant.fields else None) or found


def _compare(found: Found, meant: Meant) -> Outcome | None:
    header = header_of(found.sections)
    if header is None:
        return Outcome("later", "the server did not give the header that the message is known by")
    if meant.message_id and message_id(header) != "".join(meant.message_id.split()):
        return Outcome("refused", "the message there has another Message-ID than the one that was listed")
    if meant.content not in {"", NO_IDENTITY, content_identity(header, found.date)}:
        return Outcome("refused", "the message there has another header than the one that was listed")
    return None
