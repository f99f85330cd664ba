"""The immutable picture of one mailbox that sessions read: columns in first-seen order."""

from array import array
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from bridge.maildrop.columns import UidlColumn
from bridge.model.names import Uid, UidValidity
from bridge.model.places import MailboxKey, StoredMessage


@dataclass(frozen=True, slots=True)
class MailboxSnapshot:
    """One mailbox as last committed. `sizes` are the octets to announce: measured where `measured` is 1,
    else RFC822.SIZE. `version` grows with each change. Nobody writes to a column once it is published.
    """

    key: MailboxKey
    uidvalidity: UidValidity
    version: int
    seqs: "array[int]"
    uids: "array[int]"
    sizes: "array[int]"
    measured: bytes
    uidls: UidlColumn

    def __len__(self) -> int:
        return len(self.seqs)

    @property
    def unmeasured(self) -> int:
        """How many messages have only an announced size so far."""
        return self.measured.count(0)

    def at_version(self, version: int) -> "MailboxSnapshot":
        """Give the same mailbox under another version."""
        return replace(self, version=version)

    def with_appended(self, messages: Iterable[StoredMessage]) -> "MailboxSnapshot":
        """Give the mailbox with these messages added; they may come in any order."""
        fresh = sorted(messages)
        if not fresh:
            return self
        added = from_messages(self.key, self.uidvalidity, fresh)
        grown = replace(
            self,
            version=self.version + 1,
            seqs=self.seqs + added.seqs,
            uids=self.uids + added.uids,
            sizes=self.sizes + added.sizes,
            measured=self.measured + added.measured,
            uidls=UidlColumn(self.uidls.raw + added.uidls.raw),
        )
        in_order = not self.seqs or self.seqs[-1] < added.seqs[0]
        return grown if in_order else grown.picked(sorted(range(len(grown)), key=grown.seqs.__getitem__))

    def without(self, uids: Collection[Uid]) -> "MailboxSnapshot":
        """Give the mailbox without these UIDs."""
        gone = frozenset(uids)
        return self.picked([at for at, uid in enumerate(self.uids) if uid not in gone])

    def with_sizes(self, measured: Mapping[Uid, int]) -> "MailboxSnapshot":
        """Give the mailbox with these messages' octets measured."""
        sizes, flags = self.sizes[:], bytearray(self.measured)
        for uid, octets in measured.items():
            # Searching an array of numbers is quick, and few are measured at a time.
            with suppress(ValueError):
                at = self.uids.index(uid)
                sizes[at], flags[at] = octets, 1
        return replace(self, version=self.version + 1, sizes=sizes, measured=bytes(flags))

    def picked(self, places: list[int]) -> "MailboxSnapshot":
        """Give the messages at these places, in this order."""
        return replace(
            self,
            version=self.version + 1,
            seqs=array("q", [self.seqs[at] for at in places]),
            uids=array("I", [self.uids[at] for at in places]),
            sizes=array("q", [self.sizes[at] for at in places]),
            measured=bytes([self.measured[at] for at in places]),
            uidls=UidlColumn(b"".join([self.uidls.octets(at) for at in places])),
        )

    def newest_unmeasured(self, limit: int) -> list[Uid]:
        """Give up to `limit` UIDs whose octets nobody has counted, newest first."""
        found: list[Uid] = []
        at = self.measured.rfind(0)
        while at >= 0 and len(found) < limit:
            found.append(Uid(self.uids[at]))
            at = self.measured.rfind(0, 0, at)
        return found


def from_messages(key: MailboxKey, uidvalidity: UidValidity, messages: Iterable[StoredMessage]) -> MailboxSnapshot:
    """Build a snapshot, version 1, from rows in first-seen order."""
    rows = list(messages)
    return MailboxSnapshot(
        key=key,
        uidvalidity=uidvalidity,
        version=1,
        seqs=array("q", [row.seq for row in rows]),
        uids=array("I", [row.uid for row in rows]),
        sizes=array("q", [row.size if row.measured < 0 else row.measured for row in rows]),
        measured=bytes([row.measured >= 0 for row in rows]),
        uidls=UidlColumn.of(row.uidl for row in rows),
    )
