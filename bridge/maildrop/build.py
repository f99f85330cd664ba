"""From a device's memory and the mailboxes as published to the maildrop that one session sees."""

from array import array
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, compress, repeat
from operator import add

from bridge.maildrop.columns import NO_NAMES, OCTETS, UidlColumn, places
from bridge.maildrop.device import DeviceRecord
from bridge.maildrop.edits import Extra, added, measured_with, sizes_with, source_edit
from bridge.maildrop.ground import Ground, SourceView
from bridge.maildrop.snapshot import COUNTED
from bridge.maildrop.view import Maildrop, Origin
from bridge.model.names import EntrySeq, SessionId, Uidl
from bridge.model.settings import DeviceSettings


def build(
    device: DeviceSettings,
    record: DeviceRecord,
    sources: Sequence[SourceView],
    session: SessionId,
    *,
    extra: Extra,
    stub_octets: int,
    previous: Maildrop | None = None,
) -> Maildrop:
    """Give the device's maildrop for this session: what it was shown and is still there, in the order of positions.

    For a device that counts, every position stands: a stub of `stub_octets` where the message is hidden or gone.
    `previous` is the maildrop built for this device before: what it has is used again where nothing changed, and added
    to where messages only came.
    """
    building = _Building(device, record, Ground(sources, ()), extra, stub_octets)
    maildrop = building.best(previous)
    return replace(
        maildrop,
        familiar=building.rows_of(maildrop, len(record.order) - record.new_in(session)),
        first_session=record.first_session(session),
        accessed=building.rows_of(maildrop, record.accessed),
    )


class _Building:
    """One maildrop being built. A message stands in a mailbox, at a row of it; stubs in a mailbox behind the last."""

    def __init__(
        self, device: DeviceSettings, record: DeviceRecord, ground: Ground, extra: Extra, stub_octets: int
    ) -> None:
        self._record = record
        self._ground = ground
        self._parts = ground.parts
        edits = [source_edit(device, view) for view in ground.views]
        self._added = tuple(added(edits[owner], extra) for owner in ground.owners)
        self._stub_octets = stub_octets
        self._previous: Maildrop | None = None
        self._origin = Origin(
            version=record.version,
            sequence=record.sequence,
            rows=len(record.order),
            edits=tuple(edits[owner] for owner in ground.owners),
            added=(*self._added, (stub_octets, stub_octets)),
        )

    # --- four ways, from the cheapest to the one that always goes

    def best(self, previous: Maildrop | None) -> Maildrop:
        """Give the maildrop by the cheapest way that goes."""
        self._previous = previous
        if (found := self.reused(previous)) is None and (found := self.shared()) is None:
            found = self.extended(previous)
        return self.whole() if found is None else found

    def reused(self, previous: Maildrop | None) -> Maildrop | None:
        """Give the previous maildrop when nothing changed since."""
        if previous is None or previous.origin != self._origin or len(previous.mailboxes) != len(self._parts):
            return None
        same = all(old is new for old, new in zip(previous.mailboxes, self._parts, strict=True))
        return previous if same else None

    def shared(self) -> Maildrop | None:
        """Give one mailbox whole, by its own columns, when that is what the device is shown."""
        if len(self._parts) != 1 or self._record.order != self._parts[0].seqs:
            return None
        if self._record.counts and len(self._record.hidden):
            return None
        part = self._parts[0]
        sizes = sizes_with(part, self._added[0])
        names = self._names(part.seqs)
        return Maildrop(
            mailboxes=self._parts,
            seqs=part.seqs,
            sizes=sizes,
            measured=measured_with(part, self._added[0]),
            uidls=UidlColumn(part.uidls.raw, names) if names else part.uidls,
            total=self._total(sizes),
            origin=self._origin,
        )

    def extended(self, previous: Maildrop | None) -> Maildrop | None:
        """Give the previous maildrop with what was announced since, when nothing else happened to its messages."""
        if previous is None or previous.origin is None or not self._continues(previous, previous.origin):
            return None
        rows = previous.origin.rows
        seqs, which, at = self._located(self._record.order[rows:])
        before = _places(previous)
        raw = previous.uidls.raw + self._raw(which, at, rows)
        names = {**previous.uidls.names, **self._names(seqs, len(previous))}
        place = (before[0] + which, before[1] + at)
        if self._sizes_changed(previous):
            sizes, measured = self._sizes(*place)
        else:
            more = self._sizes(which, at)
            sizes, measured = previous.sizes + more[0], previous.measured + more[1]
        return self._maildrop(previous.seqs + seqs, place, UidlColumn(raw, names or NO_NAMES), sizes, measured)

    def whole(self) -> Maildrop:
        """Build all of it, column by column."""
        order, total = self._record.order, sum(map(len, self._parts))
        if not order:
            return self._maildrop(array("q"), (array("H"), array("I")), UidlColumn(), array("q"), b"")
        everything = list(chain.from_iterable(part.seqs for part in self._parts))
        # From the end, so that of two places of one message the first counts.
        index = dict(zip(reversed(everything), range(total - 1, -1, -1), strict=True))
        flat = array("I", map(index.get, order, repeat(total)))
        if self._record.counts:
            flat = array(
                "I", [total if seq in self._record.hidden else at for seq, at in zip(order, flat, strict=True)]
            )
        elif flat.count(total):
            there = bytes(map(total.__ne__, flat))
            order, flat = array("q", compress(order, there)), array("I", compress(flat, there))
        place = self._unflattened(flat)
        names = self._names(order)
        return self._maildrop(
            order[:], place, UidlColumn(self._raw(*place, 0), names or NO_NAMES), *self._sizes(*place)
        )

    # --- places

    def _continues(self, previous: Maildrop, then: Origin) -> bool:
        """True when all that the previous maildrop has stands where it stood, and nothing else of before came back."""
        now = self._origin
        if (then.sequence, then.edits, then.added) != (now.sequence, now.edits, now.added):
            return False
        pairs = list(zip(previous.mailboxes, self._parts, strict=False))
        if len(previous.mailboxes) != len(self._parts) or not all(new.continues(old) for old, new in pairs):
            return False
        tail = set(self._record.order[then.rows :])
        arrived = chain.from_iterable(new.seqs[len(old) :] for old, new in pairs)
        return not any(seq in self._record.listed and seq not in tail for seq in arrived)

    def _located(self, tail: "array[int]") -> "tuple[array[int], array[int], array[int]]":
        """Give entries, mailboxes and rows of the end of the order."""
        gone = (len(self._parts), 0)
        hidden = self._record.hidden
        found = [(seq, gone if seq in hidden else self._ground.locate(seq) or gone) for seq in tail]
        if not self._record.counts:
            found = [each for each in found if each[1] != gone]
        return (
            array("q", [seq for seq, _ in found]),
            array("H", [which for _, (which, _) in found]),
            array("I", [at for _, (_, at) in found]),
        )

    def _unflattened(self, flat: "array[int]") -> "tuple[array[int], array[int]]":
        if len(self._parts) == 1 and not self._record.counts:
            return array("H", bytes(2 * len(flat))), flat
        which = array("H", chain.from_iterable([number] * len(part) for number, part in enumerate(self._parts)))
        at = array("I", chain.from_iterable(range(len(part)) for part in self._parts))
        which.append(len(self._parts))
        at.append(0)
        return array("H", map(which.__getitem__, flat)), array("I", map(at.__getitem__, flat))

    # --- columns

    def _maildrop(
        self,
        seqs: "array[int]",
        place: "tuple[array[int], array[int]]",
        uidls: UidlColumn,
        sizes: "array[int]",
        measured: bytes,
    ) -> Maildrop:
        return Maildrop(
            mailboxes=self._parts,
            seqs=seqs,
            sizes=sizes,
            measured=measured,
            uidls=uidls,
            total=self._total(sizes),
            which=place[0],
            places=place[1],
            origin=self._origin,
        )

    def _total(self, sizes: "array[int]") -> int:
        """Add up octets; of those that the previous maildrop began with, its sum is known."""
        previous = self._previous
        if previous is None or sizes[: len(previous)] != previous.sizes:
            return sum(sizes)
        return previous.total + sum(sizes[len(previous) :])

    def _sizes_changed(self, previous: Maildrop) -> bool:
        pairs = zip(previous.mailboxes, self._parts, strict=True)
        return any(
            new.sizes[: len(old)] != old.sizes or new.measured[: len(old)] != old.measured
            for old, new in pairs
            if new is not old
        )

    def _sizes(self, which: "array[int]", at: "array[int]") -> "tuple[array[int], bytes]":
        """Give the octets of messages, and which of them are exact."""
        sizes, exact = array("q"), bytearray()
        starts = array("Q")
        for part, octets in zip(self._parts, self._added, strict=True):
            starts.append(len(sizes))
            sizes += sizes_with(part, octets)
            exact += measured_with(part, octets)
        starts.append(len(sizes))
        sizes.append(self._stub_octets)
        exact.append(COUNTED)
        flat = array("Q", map(add, map(starts.__getitem__, which), at))
        return array("q", map(sizes.__getitem__, flat)), bytes(map(exact.__getitem__, flat))

    def _raw(self, which: "array[int]", at: "array[int]", first: int) -> bytes:
        """Give packed unique-ids; `first` is the position of the first, where positions are kept."""
        if self._record.counts:
            return bytes(self._record.uidls[first * OCTETS : (first + len(at)) * OCTETS])
        columns = [part.uidls.raw for part in self._parts]
        pairs = zip(which, at, strict=True)
        return b"".join([columns[box][row * OCTETS : (row + 1) * OCTETS] for box, row in pairs])

    def _names(self, seqs: "array[int]", first: int = 0) -> dict[int, Uidl]:
        """Give the names that stand in place of packed unique-ids, by row; `first` is the row of the first."""
        aliases = self._record.aliases
        return {first + row: aliases[EntrySeq(seqs[row])] for row in places(seqs, aliases)}

    def rows_of(self, maildrop: Maildrop, rows: int) -> int:
        """Give how many messages of a maildrop are among the first so many of the order."""
        order = self._record.order
        if rows == len(order) or self._record.counts:
            return min(rows, len(maildrop))
        there = (seq for seq in reversed(order[:rows]) if self._ground.locate(seq) is not None)
        return next((at + 1 for seq in there for at in places(maildrop.seqs, [seq])), 0)


def _places(maildrop: Maildrop) -> "tuple[array[int], array[int]]":
    """Give mailboxes and rows also of a maildrop that is one mailbox whole."""
    rows = len(maildrop)
    return (
        array("H", bytes(2 * rows)) if maildrop.which is None else maildrop.which,
        array("I", range(rows)) if maildrop.places is None else maildrop.places,
    )
