"""What is remembered of a device: what it was shown, in which order, and what it is not shown any more."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, overload

from bridge.model.names import DeviceId, EntrySeq, SessionId, Uidl
from bridge.model.places import MailboxKey

HideRule = Literal["delete", "retrieve", "start", "window", "search"]
"""Why a device is not shown an entry: its owner deleted it, had it hidden once fetched, or did not ask for it."""


LATEST = 2**32 - 1
"""The last second that a date column can hold, in the year 2106."""


class Announced(NamedTuple):
    """An entry that a device was shown. `position` is its place in this device's order, for ever; from 0.

    `date` is what `window` goes by, in Unix seconds. `hidden` and `gone` are told only where positions must stay.
    """

    seq: EntrySeq
    position: int
    date: int
    hidden: bool = False
    gone: bool = False


@dataclass(frozen=True, slots=True)
class StoredDevice:
    """What the store knows of a device.

    `announced` is in the order of positions: everything announced that is neither hidden nor gone from its account, or
    simply everything when it was asked for so. `decided` has every entry with a position, a hide or a duplicate mark.
    `hidden` are those hidden, whatever the rule. `duplicates` maps a copy to the entry it is a copy of, and `originals`
    has the unique-ids that the device knows those entries by, for the day they are gone. `aliases` are unique-ids that
    this device knows an entry by, in place of the entry's own. `shown` are the mailboxes that the device has been
    shown. `accessed` is the highest position of what was ever sent to it whole, -1 for none. `uidls` are the own
    unique-ids of `announced`, beside it, told only where positions must stay. `anew` is empty but for a device that was
    shown messages before a reset, and none since: then it has when each mailbox was first shown, in Unix seconds.
    """

    device: DeviceId
    announced: Sequence[Announced] = ()
    decided: Sequence[int] = ()
    hidden: Sequence[int] = ()
    duplicates: dict[EntrySeq, EntrySeq] = field(default_factory=dict)
    aliases: dict[EntrySeq, Uidl] = field(default_factory=dict)
    originals: dict[EntrySeq, Uidl] = field(default_factory=dict)
    shown: frozenset[MailboxKey] = frozenset()
    next_position: int = 0
    accessed: int = -1
    uidls: Sequence[Uidl] = ()
    anew: dict[MailboxKey, float] = field(default_factory=dict)


class Announcement(NamedTuple):
    """An entry to be shown to a device from now on. `date` is what `window` goes by, in Unix seconds."""

    seq: EntrySeq
    date: int


class Announcements(Sequence[Announcement]):
    """Announcements in columns, 12 octets each: a first contact may be with 100,000 messages. Nobody writes to them."""

    __slots__ = ("dates", "seqs")

    def __init__(self, seqs: "array[int]", dates: "array[int]") -> None:
        self.seqs = seqs
        self.dates = dates

    def __len__(self) -> int:
        return len(self.seqs)

    @overload
    def __getitem__(self, at: int) -> Announcement: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Announcement]: ...
    def __getitem__(self, at: int | slice) -> Announcement | Sequence[Announcement]:
        if isinstance(at, slice):
            return Announcements(self.seqs[at], self.dates[at])
        return Announcement(EntrySeq(self.seqs[at]), self.dates[at])

    def __iter__(self) -> Iterator[Announcement]:
        return map(Announcement, map(EntrySeq, self.seqs), self.dates)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


def columns(announce: Sequence[Announcement]) -> "tuple[array[int], array[int]]":
    """Give entries and dates beside them, these as whole seconds from 1970 to the year 2106."""
    if isinstance(announce, Announcements):
        return announce.seqs, announce.dates
    return array("q", [one.seq for one in announce]), array("I", [second(one.date) for one in announce])


def second(date: float) -> int:
    """Give the second that a date column holds for a date; what does not fit is bent."""
    return min(max(int(date), 0), LATEST)


class Kin(NamedTuple):
    """An undecided message that was a copy, in another mailbox, of what a device was shown and is gone by now.

    `near`: both are of one account.
    """

    copy: EntrySeq
    original: EntrySeq
    near: bool


class Succession(NamedTuple):
    """A copy takes the place of its original, which is gone: its position, and the unique-id it was shown under."""

    original: EntrySeq
    copy: EntrySeq
    uidl: Uidl


@dataclass(frozen=True, slots=True)
class Admission:
    """What a login decides for a device, durable before it is shown, in one transaction. `at` is in Unix seconds.

    `announce` gets the next positions, in this order.
    """

    device: DeviceId
    session: SessionId
    at: float
    first_position: int = 0
    announce: Sequence[Announcement] = ()
    hide: tuple[tuple[EntrySeq, HideRule], ...] = ()
    duplicates: tuple[tuple[EntrySeq, EntrySeq], ...] = ()
    succeed: tuple[Succession, ...] = ()
    shown: tuple[MailboxKey, ...] = ()

    @property
    def new(self) -> list[EntrySeq]:
        """What is decided on for the first time, as far as it is no copy of what is there; and what is hidden now."""
        return [*(one.seq for one in self.announce), *(seq for seq, _ in self.hide)]

    @property
    def empty(self) -> bool:
        """True when the device sees what it saw before, so that a login waits for no commit."""
        return not (self.announce or self.hide or self.duplicates or self.succeed or self.shown)
