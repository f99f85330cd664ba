"""What is remembered of a device between its logins: what it was shown, in which order, and what it is not shown."""

from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain

from bridge.maildrop.columns import OCTETS, UidlColumn, all_but, picked, places
from bridge.maildrop.snapshot import MailboxSnapshot
from bridge.model.devices import LATEST, Admission, StoredDevice, Succession, columns, second
from bridge.model.names import EntrySeq, SessionId, Uidl, UidValidity
from bridge.model.places import MailboxKey
from bridge.model.update import UpdatePlan

FEW, MANY = 256, 8192
"""Numbers that are taken into a bitmap together where they follow one another; more at first."""

LATE_MARKS = 1024
"""Marks of copies kept beside the columns before they are worked into them."""

SPARE = 512
"""Octets that a bitmap grows by: room for as many messages as arrive in a while."""


class Bitmap:
    """A set of sequence numbers in one bit each: 12.5 KB for 100,000 where a set takes eight megabytes."""

    __slots__ = ("_bits",)

    def __init__(self, numbers: Collection[int] = ()) -> None:
        self._bits = bytearray()
        self.update(numbers)

    def __contains__(self, number: int) -> bool:
        at = number >> 3
        return at < len(self._bits) and self._bits[at] >> (number & 7) & 1 == 1

    def __len__(self) -> int:
        return int.from_bytes(self._bits, "little").bit_count()

    def add(self, number: int) -> None:
        """Take a number in."""
        self.update((number,))

    def update(self, numbers: Collection[int]) -> None:
        """Take numbers in."""
        need = (max(numbers, default=0) >> 3) + 1
        if need > len(self._bits):
            self._bits.extend(bytes(need - len(self._bits) + SPARE))
        if len(numbers) < FEW:
            self._set(numbers)
        else:
            self._set_runs(array("q", numbers), MANY)

    def merge(self, other: "Bitmap") -> None:
        """Take in what another one has."""
        both = int.from_bytes(self._bits, "little") | int.from_bytes(other._bits, "little")
        self._bits = bytearray(both.to_bytes(max(len(self._bits), len(other._bits)), "little"))

    def _set(self, numbers: Iterable[int]) -> None:
        bits = self._bits
        for number in numbers:
            bits[number >> 3] |= 1 << (number & 7)

    def _set_runs(self, numbers: "array[int]", together: int) -> None:
        """What is listed together is numbered in one go: whole octets of such numbers are set at once."""
        for start in range(0, len(numbers), together):
            some = numbers[start : start + together]
            first, behind = some[0], some[0] + len(some)
            if len(some) >= FEW and some == array("q", range(first, behind)):
                begin, end = -(-first // 8), behind // 8
                self._bits[begin:end] = b"\xff" * (end - begin)
                self._set(chain(range(first, begin * 8), range(end * 8, behind)))
            elif together > FEW:
                self._set_runs(some, FEW)
            else:
                self._set(some)

    def discard(self, number: int) -> None:
        """Leave a number out, if it is in."""
        if number in self:
            self._bits[number >> 3] &= ~(1 << (number & 7))


class Copies:
    """Which entry each copy is a copy of, in 16 octets each."""

    __slots__ = ("_copies", "_late", "_marked", "_originals")

    def __init__(self, marks: Mapping[EntrySeq, EntrySeq]) -> None:
        self._late: dict[int, int] = {}
        self._marked = Bitmap(marks)
        self._settle(marks.items())

    def __contains__(self, copy: int) -> bool:
        return copy in self._marked

    def original(self, copy: int) -> EntrySeq | None:
        """Give the entry that this is a copy of, None when it is none."""
        at = self._place(copy)
        found = self._late.get(copy) if at < 0 else self._originals[at]
        return None if found is None else EntrySeq(found)

    def pairs(self) -> Iterable[tuple[int, int]]:
        """Give every copy with its original."""
        return chain(zip(self._copies, self._originals, strict=True), self._late.items())

    def mark(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Take in that these are copies, each of its original."""
        for copy, original in pairs:
            if (at := self._place(copy)) < 0:
                self._late[copy] = original
            else:
                self._originals[at] = original
        self._marked.update(self._late)
        if len(self._late) > LATE_MARKS:
            self._settle(self.pairs())

    def succeed(self, original: int, copy: int) -> None:
        """The copy is one no more, and the original's other copies are copies of it."""
        self.mark([(other, copy) for other, known in self.pairs() if known == original])
        self._marked.discard(copy)
        if self._late.pop(copy, None) is None and (at := self._index(copy)) >= 0:
            del self._copies[at], self._originals[at]

    def _place(self, copy: int) -> int:
        return self._index(copy) if copy in self._marked else -1

    def _index(self, copy: int) -> int:
        at = bisect_left(self._copies, copy)
        return at if at < len(self._copies) and self._copies[at] == copy else -1

    def _settle(self, pairs: Iterable[tuple[int, int]]) -> None:
        ordered = sorted(pairs)
        self._copies = array("q", [copy for copy, _ in ordered])
        self._originals = array("q", [original for _, original in ordered])
        self._late = {}


@dataclass(slots=True)
class Examined:
    """What the last look for undecided messages saw: the parts of mailboxes, with how far each was searched, and the
    entries that it left undecided. `settled` when all that could be decided of them is.
    """

    parts: dict[tuple[MailboxKey, UidValidity], tuple[MailboxSnapshot, int]] = field(default_factory=dict)
    waiting: "array[int]" = field(default_factory=lambda: array("q"))
    settled: bool = False


class DeviceRecord:
    """The memory of one device. Only what was committed changes what it shows, by `take_admission` and `take_update`.

    `order` has the entries it was shown, in the order of their positions, less what is hidden; `dates`, beside it, is
    what `window` goes by, in Unix seconds. With `counts` every position stays in it, hidden or gone, and `uidls`,
    beside it, has their own unique-ids packed. Of the first `accessed` in `order` the last was sent to it whole.
    `version` is another object after each change, `sequence` after each that does more than add to the end of `order`.
    After a reset and until something is shown again, `anew` has when its mailboxes were first shown, in Unix seconds.
    When `incomplete` is set, the record lacks the position or the name of something that is to be shown: it must be
    made anew from the store before it is used, from its `former` self so that a session goes on knowing what is new.
    """

    def __init__(self, stored: StoredDevice, counts: bool = False, former: "DeviceRecord | None" = None) -> None:
        self.device = stored.device
        self.counts = counts
        self.order = array("q", [one.seq for one in stored.announced])
        self.dates = array("I", [second(one.date) for one in stored.announced])
        self.uidls = bytearray(UidlColumn.of(stored.uidls).raw)
        if counts:
            self.uidls += b"".join(map(_stand_in, self.order[len(stored.uidls) :]))
        self.listed = Bitmap(self.order)
        self.decided = Bitmap(stored.decided)
        self.hidden = Bitmap(stored.hidden)
        self.copies = Copies(stored.duplicates)
        self.aliases = dict(stored.aliases)
        self.shown = set(stored.shown)
        self.next_position = stored.next_position
        self.version = object()
        self.sequence = object()
        self.accessed = sum(one.position <= stored.accessed for one in stored.announced)
        self.incomplete = False
        self.examined = Examined()
        self._oldest: int | None = None
        self.anew = dict(stored.anew)
        self._first: SessionId | None = None if former is None else former._first
        self._announced: tuple[SessionId | None, int] = (None, 0) if former is None else former._announced

    @property
    def oldest(self) -> int:
        """The earliest date among what is shown, in Unix seconds; the latest that there is when nothing is."""
        if self._oldest is None:
            dates: Iterable[int] = self.dates
            if self.counts:
                dates = [date for seq, date in zip(self.order, self.dates, strict=True) if seq not in self.hidden]
            self._oldest = min(dates, default=LATEST)
        return self._oldest

    def first_session(self, session: SessionId) -> bool:
        """True when this is the session that the device was shown its first mailbox in, or the first after a reset."""
        return session == self._first

    def new_in(self, session: SessionId) -> int:
        """Give how many entries at the end of `order` no earlier session than this one was shown."""
        return self._announced[1] if self._announced[0] == session else 0

    def take_admission(self, admission: Admission) -> None:
        """Take up an admission that is on disk."""
        self.version = object()
        if (admission.shown and not self.shown) or (admission.announce and self.anew):
            self._first = admission.session
            self.anew.clear()
        self.shown.update(admission.shown)
        self._hide([seq for seq, _ in admission.hide])
        self.copies.mark(admission.duplicates)
        self.decided.update([copy for copy, _ in admission.duplicates])
        for succession in admission.succeed:
            self._succeed(succession)
        seqs = self._announce(admission)
        if self.examined.waiting == seqs:
            self.examined.waiting = array("q")
        else:
            self.examined.waiting = array("q", [seq for seq in self.examined.waiting if seq not in self.decided])
        self.examined.settled = True

    def take_update(self, plan: UpdatePlan) -> None:
        """Take up what a QUIT that is on disk hides, and what was sent."""
        accessed = max([self.accessed, *(at + 1 for at in places(self.order, plan.sent))])
        if accessed == self.accessed and not plan.hide and not plan.retrieved:
            return  # it was sent what it had been sent before
        self.version = object()
        self.accessed = accessed
        self._hide((*plan.hide, *plan.retrieved))

    def _announce(self, admission: Admission) -> "array[int]":
        seqs, dates = columns(admission.announce)
        self.order += seqs
        self.dates += dates
        if self.counts:
            self.uidls += b"".join([self._own(EntrySeq(seq)) or _stand_in(seq) for seq in seqs])
        fresh = Bitmap(seqs)
        self.listed.merge(fresh)
        self.decided.merge(fresh)
        self.next_position += len(seqs)
        self._announced = (admission.session, len(seqs))
        if self._oldest is not None:
            self._oldest = min(self._oldest, min(dates, default=LATEST))
        return seqs

    def _hide(self, seqs: Collection[int]) -> None:
        if not seqs:
            return
        self.hidden.update(seqs)
        self.decided.update(seqs)
        shown = [seq for seq in seqs if seq in self.listed]
        self._oldest = None
        if not shown:
            return
        self.sequence = object()
        if self.counts:
            return
        gone = sorted(places(self.order, shown))
        self.accessed -= bisect_left(gone, self.accessed)
        runs = all_but(gone, len(self.order))
        self.order, self.dates = picked(self.order, runs), picked(self.dates, runs)
        for seq in shown:
            self.listed.discard(seq)

    def _succeed(self, what: Succession) -> None:
        """Put a copy where its original was; each is known by the other's name from now on."""
        at = next(iter(places(self.order, [what.original])), -1)
        name = self.aliases.get(what.copy) or self._own(what.copy).hex()
        if at < 0 or not what.uidl or not name:
            self.incomplete = True
            return
        self.sequence = object()
        self.order[at] = what.copy
        if self.counts:
            self.uidls[at * OCTETS : (at + 1) * OCTETS] = self._own(what.copy)
        for numbers in (self.listed, self.decided):
            numbers.discard(what.original)
            numbers.add(what.copy)
        self.copies.succeed(what.original, what.copy)
        self.aliases[what.original], self.aliases[what.copy] = Uidl(name), what.uidl

    def name(self, seq: EntrySeq) -> Uidl:
        """Give the unique-id that the device knows an entry by; empty where that is not known here."""
        return self.aliases.get(seq) or Uidl(self._own(seq).hex())

    def _own(self, seq: EntrySeq) -> bytes:
        """Give an entry's own unique-id packed, from the mailboxes as they were last looked at."""
        for part, _ in self.examined.parts.values():
            if (at := part.place_of(seq)) >= 0:
                return part.uidls.octets(at)
        return b""


def _stand_in(seq: int) -> bytes:
    """Give what stands for a unique-id that is not known: no other's, for digests do not begin with so many zeros."""
    return seq.to_bytes(OCTETS, "big")
