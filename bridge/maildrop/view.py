"""A device's maildrop: what it is shown, numbered for one session."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from bridge.maildrop.columns import UidlColumn
from bridge.maildrop.snapshot import MailboxSnapshot
from bridge.model.names import EntrySeq, MsgNum, Uid, UidValidity
from bridge.model.places import Location, MailboxKey


class SourceEdit(NamedTuple):
    """What a source adds to its messages: a mark in front of the subject, and where they come from. Both are header
    text, printable ASCII; either may be empty.
    """

    mark: str
    provenance: str


class Origin(NamedTuple):
    """What a maildrop was built from, beside its mailboxes, so that the next one can begin where it ends."""

    version: object
    sequence: object
    rows: int
    edits: "tuple[SourceEdit | None, ...]"
    added: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Maildrop:
    """What one session sees, frozen. Message-number n stands at place n - 1 of each column.

    `sizes` are the octets that RETR sends, exact where `measured` is not 0. `which` and `places` say where each message
    stands in `mailboxes`; both are None when the maildrop is one mailbox whole, whose columns are then shared rather
    than copied. Messages 1 to `familiar` were announced to the device in an earlier session; in its `first_session`
    none was. Of the first `accessed` messages the last was sent whole, in whichever session.
    """

    mailboxes: tuple[MailboxSnapshot, ...]
    seqs: "array[int]"
    sizes: "array[int]"
    measured: bytes
    uidls: UidlColumn
    total: int
    which: "array[int] | None" = None
    places: "array[int] | None" = None
    familiar: int = 0
    first_session: bool = False
    accessed: int = 0
    origin: Origin | None = None

    def __len__(self) -> int:
        return len(self.seqs)

    def seq(self, num: MsgNum) -> EntrySeq:
        """Give the entry behind a message-number."""
        return EntrySeq(self.seqs[num - 1])

    def stub(self, num: MsgNum) -> bool:
        """True when the number is only kept: its message is hidden, or in none of the device's mailboxes any more."""
        return self.which is not None and self.which[num - 1] == len(self.mailboxes)

    def location(self, num: MsgNum) -> Location:
        """Give where the message lies upstream. A stub lies nowhere: ValueError."""
        if self.stub(num):
            raise ValueError(f"message {num} is a stub")
        mailbox = self.mailboxes[0 if self.which is None else self.which[num - 1]]
        place = num - 1 if self.places is None else self.places[num - 1]
        return Location(mailbox.key, mailbox.uidvalidity, Uid(mailbox.uids[place]))

    def places_of(self, nums: Iterable[int]) -> dict[tuple[MailboxKey, UidValidity], dict[Uid, int]]:
        """Give the message-numbers of several messages by where they lie: mailbox, then UID. None of them is a stub."""
        found: dict[tuple[MailboxKey, UidValidity], dict[Uid, int]] = {}
        if self.which is None:
            mailbox = self.mailboxes[0]
            found[mailbox.key, mailbox.uidvalidity] = {Uid(mailbox.uids[num - 1]): num for num in nums}
            return found
        for num in nums:
            key, uidvalidity, uid = self.location(MsgNum(num))
            found.setdefault((key, uidvalidity), {})[uid] = num
        return found

    def edit(self, num: MsgNum) -> SourceEdit | None:
        """Give what the message's source adds to it; its size has it counted in."""
        if self.origin is None or self.stub(num):
            return None
        return self.origin.edits[0 if self.which is None else self.which[num - 1]]
