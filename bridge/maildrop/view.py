"""A device's maildrop: its sources merged, its hidden messages left out, numbered for one session."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from bridge.maildrop.columns import UidlColumn
from bridge.maildrop.snapshot import MailboxSnapshot
from bridge.model.names import EntrySeq, MsgNum, Uid
from bridge.model.places import Location


@dataclass(frozen=True, slots=True)
class Maildrop:
    """What one session sees, frozen. Message-number n stands at place n - 1 of each column.

    `which` and `places` say where each message stands in `mailboxes`; both are None when the maildrop is
    one mailbox whole, whose columns are then shared rather than copied.
    """

    mailboxes: tuple[MailboxSnapshot, ...]
    seqs: "array[int]"
    sizes: "array[int]"
    measured: bytes
    uidls: UidlColumn
    total: int
    which: "array[int] | None" = None
    places: "array[int] | None" = None

    def __len__(self) -> int:
        return len(self.seqs)

    def seq(self, num: MsgNum) -> EntrySeq:
        """Give the entry behind a message-number."""
        return EntrySeq(self.seqs[num - 1])

    def location(self, num: MsgNum) -> Location:
        """Give where the message lies upstream."""
        at = num - 1
        mailbox = self.mailboxes[0 if self.which is None else self.which[at]]
        place = at if self.places is None else self.places[at]
        return Location(mailbox.key, mailbox.uidvalidity, Uid(mailbox.uids[place]))


def merge(mailboxes: Sequence[MailboxSnapshot], hidden: set[EntrySeq]) -> Maildrop:
    """Merge mailboxes into one maildrop by first-seen order, each entry once, hidden entries left out."""
    if len(mailboxes) == 1 and hidden.isdisjoint(mailboxes[0].seqs):
        only = mailboxes[0]
        return Maildrop((only,), only.seqs, only.sizes, only.measured, only.uidls, sum(only.sizes))
    rows = _ordered(mailboxes, hidden)
    which = array("H", [row[1] for row in rows])
    places = array("I", [row[2] for row in rows])
    sizes = array("q", [mailboxes[box].sizes[place] for _, box, place in rows])
    return Maildrop(
        mailboxes=tuple(mailboxes),
        seqs=array("q", [row[0] for row in rows]),
        sizes=sizes,
        measured=bytes([mailboxes[box].measured[place] for _, box, place in rows]),
        uidls=UidlColumn(b"".join([mailboxes[box].uidls.octets(place) for _, box, place in rows])),
        total=sum(sizes),
        which=which,
        places=places,
    )


def _ordered(mailboxes: Sequence[MailboxSnapshot], hidden: set[EntrySeq]) -> list[tuple[int, int, int]]:
    """Give (entry, mailbox, place) in first-seen order; an entry with two locations is shown at the first."""
    rows = [
        (seq, box, place)
        for box, mailbox in enumerate(mailboxes)
        for place, seq in enumerate(mailbox.seqs)
        if seq not in hidden
    ]
    rows.sort()
    return [row for at, row in enumerate(rows) if at == 0 or rows[at - 1][0] != row[0]]
