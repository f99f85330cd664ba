"""The immutable picture of one mailbox that sessions read: columns in first-seen order."""

from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from bridge.identity import content_digest, provider_digest
from bridge.maildrop.columns import OCTETS, Runs, UidlColumn, all_but, joined, packed, picked, picked_octets, places
from bridge.model.devices import second
from bridge.model.names import Uid, UidValidity
from bridge.model.places import MailboxKey, MeasuredMessage, StoredMessage

COUNTED, WITH_SUBJECT = 1, 3
"""What `measured` says of a message whose octets were counted; 0 where they were not."""

SUBJECT_UNKNOWN = 2
"""Counted without looking for a Subject field: the octets are right, but what a mark would add to them is unknown."""


@dataclass(frozen=True, slots=True)
class MailboxSnapshot:
    """One mailbox as last committed, or what lingers in it of an older UIDVALIDITY.

    `sizes` are the octets to announce: measured where `measured` is not 0, else RFC822.SIZE. `measured` is 0, COUNTED,
    WITH_SUBJECT or SUBJECT_UNKNOWN. `dates` (INTERNALDATE) and `seen` (first seen) are Unix seconds. `contents` and
    `providers` are digests of 16 octets, zeros where there is none, and empty where no row has one; `identified` is 1
    where the content's identity is known, or known not to be had. `version` grows with each change. Nobody writes to a
    column once it is published.

    `lineage` is the same object in snapshots of which the longer begins with the rows of the shorter: who has seen one
    of them need look only at what stands behind it in another.
    """

    key: MailboxKey
    uidvalidity: UidValidity
    version: int
    seqs: "array[int]"
    uids: "array[int]"
    sizes: "array[int]"
    measured: bytes
    uidls: UidlColumn
    dates: "array[int]"
    seen: "array[int]"
    contents: bytes
    providers: bytes
    identified: bytes
    lineage: object = field(default_factory=object, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.seqs)

    @property
    def unmeasured(self) -> int:
        """How many messages have only an announced size so far."""
        return self.measured.count(0)

    @property
    def unidentified(self) -> int:
        """Of how many messages the content's identity was not asked for yet."""
        return self.identified.count(0)

    def content(self, place: int) -> bytes:
        """Give the digest of one content identity, zeros or nothing where there is none."""
        return self.contents[place * OCTETS : (place + 1) * OCTETS]

    def provider(self, place: int) -> bytes:
        """Give the digest of one provider's identity, zeros or nothing where there is none."""
        return self.providers[place * OCTETS : (place + 1) * OCTETS]

    def continues(self, other: "MailboxSnapshot") -> bool:
        """True when this begins with the rows of the other, so that only rows behind them can be new."""
        return self.lineage is other.lineage and len(self) >= len(other)

    def place_of(self, seq: int) -> int:
        """Give the place of an entry, -1 when it is not in this mailbox."""
        at = bisect_left(self.seqs, seq)
        return at if at < len(self.seqs) and self.seqs[at] == seq else -1

    def at_version(self, version: int) -> "MailboxSnapshot":
        """Give the same mailbox under another version."""
        return replace(self, version=version)

    def with_appended(self, messages: Iterable[StoredMessage]) -> "MailboxSnapshot":
        """Give the mailbox with these messages added; they may come in any order, and have any sequence number."""
        fresh = sorted(messages)
        if not fresh:
            return self
        grown = self._followed_by(from_messages(self.key, self.uidvalidity, fresh))
        in_order = not self.seqs or self.seqs[-1] < fresh[0].seq
        return grown if in_order else grown._of(_merged(self.seqs, [row.seq for row in fresh]))

    def without(self, uids: Collection[Uid]) -> "MailboxSnapshot":
        """Give the mailbox without these UIDs."""
        gone = sorted(places(self.uids, uids))
        return replace(self._of(all_but(gone, len(self))), version=self.version + 1)

    def with_measured(self, measured: Mapping[Uid, MeasuredMessage]) -> "MailboxSnapshot":
        """Give the mailbox with these messages' octets counted; what is not in it any more is passed over."""
        sizes, flags = self.sizes[:], bytearray(self.measured)
        for at in places(self.uids, measured):
            octets, subject = measured[Uid(self.uids[at])]
            sizes[at], flags[at] = octets, _flag(octets, subject)
        return replace(self, version=self.version + 1, sizes=sizes, measured=bytes(flags))

    def with_identities(self, found: Mapping[Uid, str]) -> "MailboxSnapshot":
        """Give the mailbox with these content identities known; what is not in it any more is passed over."""
        identified = bytearray(self.identified)
        contents = bytearray(self.contents or bytes(len(self) * OCTETS))
        for at in places(self.uids, found):
            text = found[Uid(self.uids[at])]
            identified[at] = text != ""
            contents[at * OCTETS : (at + 1) * OCTETS] = content_digest(text)
        return replace(
            self, version=self.version + 1, identified=bytes(identified), contents=packed((bytes(contents),))
        )

    def newest_unmeasured(self, limit: int) -> list[Uid]:
        """Give up to `limit` UIDs whose octets nobody has counted, newest first."""
        return self._newest(self.measured, limit)

    def newest_unidentified(self, limit: int) -> list[Uid]:
        """Give up to `limit` UIDs whose content identity nobody has asked for, newest first."""
        return self._newest(self.identified, limit)

    def dates_of(self, uids: Collection[Uid]) -> dict[Uid, int]:
        """Give these messages' INTERNALDATEs in Unix seconds; what is not in it any more is left out."""
        return {Uid(self.uids[at]): self.dates[at] for at in places(self.uids, uids)}

    def sizes_of(self, uids: Collection[Uid]) -> dict[Uid, int]:
        """Give these messages' octets as they are announced; what is not in it any more is left out."""
        return {Uid(self.uids[at]): self.sizes[at] for at in places(self.uids, uids)}

    def _newest(self, flags: bytes, limit: int) -> list[Uid]:
        found: list[Uid] = []
        at = flags.rfind(0)
        while at >= 0 and len(found) < limit:
            found.append(Uid(self.uids[at]))
            at = flags.rfind(0, 0, at)
        return found

    def _followed_by(self, other: "MailboxSnapshot") -> "MailboxSnapshot":
        rows, more = len(self), len(other)
        return replace(
            self,
            version=self.version + 1,
            seqs=self.seqs + other.seqs,
            uids=self.uids + other.uids,
            sizes=self.sizes + other.sizes,
            measured=self.measured + other.measured,
            uidls=UidlColumn(self.uidls.raw + other.uidls.raw),
            dates=self.dates + other.dates,
            seen=self.seen + other.seen,
            contents=joined(self.contents, rows, other.contents, more),
            providers=joined(self.providers, rows, other.providers, more),
            identified=self.identified + other.identified,
        )

    def _of(self, runs: Runs) -> "MailboxSnapshot":
        """Give these rows, in this order."""
        return replace(
            self,
            seqs=picked(self.seqs, runs),
            uids=picked(self.uids, runs),
            sizes=picked(self.sizes, runs),
            measured=picked_octets(self.measured, runs),
            uidls=UidlColumn(picked_octets(self.uidls.raw, runs, OCTETS)),
            dates=picked(self.dates, runs),
            seen=picked(self.seen, runs),
            contents=picked_octets(self.contents, runs, OCTETS),
            providers=picked_octets(self.providers, runs, OCTETS),
            identified=picked_octets(self.identified, runs),
            lineage=object(),
        )


def from_messages(key: MailboxKey, uidvalidity: UidValidity, messages: Iterable[StoredMessage]) -> MailboxSnapshot:
    """Build a snapshot, version 1, from rows in first-seen order."""
    rows = list(messages)
    columns = zip(*rows, strict=True) if rows else _NO_ROWS
    seqs, uidls, uids, sizes, measured, dates, seen, providers, contents, subjects = columns
    counted = max(measured, default=-1) >= 0
    return MailboxSnapshot(
        key=key,
        uidvalidity=uidvalidity,
        version=1,
        seqs=array("q", seqs),
        uids=array("I", uids),
        sizes=array("q", map(_octets, sizes, measured) if counted else sizes),
        measured=bytes(map(_flag, measured, subjects)) if counted else bytes(len(rows)),
        uidls=UidlColumn.of(uidls),
        dates=_seconds(dates),
        seen=_seconds(seen),
        contents=packed(map(content_digest, contents)) if any(contents) else b"",
        providers=packed(map(provider_digest, providers)) if any(providers) else b"",
        identified=bytes(map(bool, contents)),
    )


_NO_ROWS: tuple[tuple[Any, ...], ...] = ((),) * len(StoredMessage._fields)


def _seconds(dates: Sequence[float]) -> "array[int]":
    try:
        return array("I", dates)  # type: ignore[arg-type]
    except (TypeError, OverflowError):
        return array("I", map(second, dates))


def _octets(size: int, measured: int) -> int:
    return size if measured < 0 else measured


def in_one(parts: Sequence[MailboxSnapshot]) -> MailboxSnapshot:
    """Give one mailbox, version 1, that has the rows of all these parts of it, of which there is at least one."""
    seqs, uids, sizes, dates, seen = (array(code) for code in ("q", "I", "q", "I", "I"))
    for part in parts:
        for column, more in zip(
            (seqs, uids, sizes, dates, seen), (part.seqs, part.uids, part.sizes, part.dates, part.seen), strict=True
        ):
            column += more
    whole = replace(
        parts[0],
        version=1,
        seqs=seqs,
        uids=uids,
        sizes=sizes,
        measured=b"".join([part.measured for part in parts]),
        uidls=UidlColumn(b"".join([part.uidls.raw for part in parts])),
        dates=dates,
        seen=seen,
        contents=_identities([(part.contents, len(part)) for part in parts]),
        providers=_identities([(part.providers, len(part)) for part in parts]),
        identified=b"".join([part.identified for part in parts]),
        lineage=object(),
    )
    ends = [(part.seqs[0], part.seqs[-1]) for part in parts if len(part)]
    if all(last < first for (_, last), (first, _) in pairwise(ends)):
        return whole
    order = sorted(range(len(seqs)), key=seqs.__getitem__)
    return whole._of([(at, at + 1) for at in order])


def _identities(columns: Sequence[tuple[bytes, int]]) -> bytes:
    """Put columns of identities, each with its rows, behind one another: empty stands for nothing but zeros."""
    if not any(column for column, _ in columns):
        return b""
    return b"".join([column or bytes(rows * OCTETS) for column, rows in columns])


def _flag(octets: int, subject: int) -> int:
    """Say what counting told: `octets` is -1 where nobody counted, `subject` where nobody looked for one."""
    if octets < 0:
        return 0
    return SUBJECT_UNKNOWN if subject < 0 else WITH_SUBJECT if subject else COUNTED


def _merged(ordered: Sequence[int], fresh: Sequence[int]) -> Runs:
    """Give the rows of `ordered`, and of `fresh` that stand behind them, in one order; each is in order already."""
    runs: list[tuple[int, int]] = []
    taken = 0
    for at, seq in enumerate(fresh, len(ordered)):
        place = bisect_left(ordered, seq, taken)
        runs += ((taken, place), (at, at + 1))
        taken = place
    return [*runs, (taken, len(ordered))]
