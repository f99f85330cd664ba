"""What a login decides of what is new in a device's sources: shown for good, or not shown, and why."""

from collections.abc import Iterable, Sequence

from bridge.maildrop.copies import heirs, sort_out
from bridge.maildrop.device import DeviceRecord
from bridge.maildrop.first_contact import everything, in_columns
from bridge.maildrop.ground import Candidate, Ground, SourceView, undecided
from bridge.maildrop.latecomers import Latecomers, latecomers
from bridge.model.devices import Admission, Announcement, HideRule, Kin, Succession
from bridge.model.names import EntrySeq, SessionId
from bridge.model.settings import DeviceSettings, Span

MANY = 5000
"""Messages that are looked at between two turns of others, in some 50 ms; more are better left to another thread."""


def decide(
    device: DeviceSettings,
    record: DeviceRecord,
    sources: Sequence[SourceView],
    session: SessionId,
    now: float,
    kin: Sequence[Kin] = (),
) -> Admission:
    """Give what this login is to make durable before anything of it is shown; `now` is in Unix seconds.

    Nothing of it counts until it is given to `DeviceRecord.take_admission`: decided again, it comes out the same. It
    costs what is new, not what is there, unless messages went or were moved. Sources are in the device's order; a
    mailbox that the device was never shown may be missing. Sets `record.incomplete` when the record must be made anew.
    `kin` are copies of what is gone, of which the record knows nothing.
    """
    ground = Ground(sources, record.shown, record.anew)
    if (whole := everything(device, record, ground, session, now)) is not None:
        return whole
    return _Decision(device, record, ground, now, kin).admission(session)


def takes_long(device: DeviceSettings, record: DeviceRecord, sources: Sequence[SourceView]) -> bool:
    """True when `decide` would look at thousands of messages, of which each takes it some 10 µs."""
    ground = Ground(sources, record.shown, record.anew)
    examined = record.examined
    before = [examined.parts.get((part.key, part.uidvalidity)) for part in ground.parts]
    seen = sum(len(old[0]) for old, part in zip(before, ground.parts, strict=True) if old and part.continues(old[0]))
    new = sum(map(len, ground.parts)) - seen + len(examined.waiting)
    return new > MANY and not in_columns(device, record, ground)


class _Decision:
    """One login's decision, rule after rule; what a rule says stays said."""

    def __init__(
        self, device: DeviceSettings, record: DeviceRecord, ground: Ground, now: float, kin: Sequence[Kin]
    ) -> None:
        self._kin = kin
        self._device = device
        self._record = record
        self._ground = ground
        self._now = now
        self._hidden: dict[EntrySeq, HideRule] = {}

    def admission(self, session: SessionId) -> Admission:
        """Apply start, search, window and the search for copies, in this order, then count the newest."""
        self._hide(self._expired(), "window")
        if self._ground.unchanged_since(self._record.examined) and not self._ages():
            return self._result(session, (), (), ())
        inherited = self._heirs()
        late = self._late(undecided(self._record, self._ground), inherited)
        inherited += late.succeed
        left = self._search(self._first_contact(late.rest))
        left = self._keep(left, "window", [one.date >= self._earliest(self._device.window) for one in left])
        found = sort_out(self._device, self._record, self._ground, inherited, left, late.heirs)
        self._newest_at_first_contact([*found.new, *found.unknown])
        self._newest([one for one in found.new if one.seq not in self._hidden], inherited)
        announce = [one for one in found.new if one.seq not in self._hidden]
        return self._result(session, announce, [*late.copies, *found.copies], inherited, late.succeed)

    def _result(
        self,
        session: SessionId,
        announce: Iterable[Candidate],
        copies: Iterable[tuple[EntrySeq, EntrySeq]],
        inherited: Iterable[Succession],
        late: Iterable[Succession] = (),
    ) -> Admission:
        views = zip(self._ground.views, self._ground.unseen, strict=True)
        # What leaves the window has no heir: copies of it stay what they are.
        lapsed = {each.copy: each.original for each in inherited if each.original in self._hidden}
        result = Admission(
            device=self._device.id,
            session=session,
            at=self._now,
            first_position=self._record.next_position,
            announce=tuple(Announcement(one.seq, one.date) for one in announce),
            hide=tuple(self._hidden.items()),
            duplicates=(
                *((each.copy, each.original) for each in late if each.copy in lapsed),
                *((copy, lapsed.get(head, head)) for copy, head in copies),
            ),
            succeed=tuple(each for each in inherited if each.copy not in lapsed),
            shown=tuple(view.key for view, unseen in views if unseen and view.answered),
        )
        self._record.examined.settled = result.empty
        return result

    def _hide(self, seqs: Iterable[EntrySeq], rule: HideRule) -> None:
        for seq in seqs:
            self._hidden.setdefault(seq, rule)

    def _keep(self, found: Sequence[Candidate], rule: HideRule, kept: Sequence[bool]) -> list[Candidate]:
        """Hide what is not kept, and give the rest."""
        self._hide([one.seq for one, keep in zip(found, kept, strict=True) if not keep], rule)
        return [one for one, keep in zip(found, kept, strict=True) if keep]

    def _earliest(self, span: Span) -> float:
        return self._now - span.amount if span.kind == "age" else 0

    def _ages(self) -> bool:
        """True when time alone can decide about what waits."""
        return self._device.window.kind == "age" and bool(self._record.examined.waiting)

    def _heirs(self) -> list[Succession]:
        examined = self._record.examined
        if examined.settled and self._ground.grown_from(examined):
            return []
        return heirs(self._record, self._ground)

    def _late(self, found: list[Candidate], inherited: Sequence[Succession]) -> Latecomers:
        taken = {each.original for each in inherited}
        return latecomers(self._device, self._record, self._ground, self._kin, found, taken, self._hidden)

    def _first_contact(self, found: list[Candidate]) -> list[Candidate]:
        """`start` is about mailboxes that the device was never shown."""
        start = self._device.start
        if start.kind == "now":
            return self._keep(found, "start", [not one.first for one in found])
        return self._keep(found, "start", [not one.first or one.date >= self._earliest(start) for one in found])

    def _search(self, found: list[Candidate]) -> list[Candidate]:
        """What the search has not been asked about yet waits."""
        if not self._device.search:
            return found
        searched = [self._ground.searched(at) for at in range(len(self._ground.parts))]
        told = [one for one in found if one.uid <= searched[one.part]]
        return self._keep(told, "search", [self._matches(one) for one in told])

    def _matches(self, one: Candidate) -> bool:
        matched = self._ground.views[self._ground.owners[one.part]].matched
        return matched is None or one.uid in matched

    def _newest_at_first_contact(self, found: Iterable[Candidate]) -> None:
        """Of all that is shown for the first time, only the newest, by INTERNALDATE; what waits is one of them."""
        if self._device.start.kind == "newest":
            first = sorted((one for one in found if one.first), key=lambda one: (one.date, one))
            self._hide([one.seq for one in first[: max(len(first) - self._device.start.amount, 0)]], "start")

    # --- the window, of what was announced already

    def _expired(self) -> list[EntrySeq]:
        """Give what is shown and has become too old. It stays away: the window only moves forward."""
        record, earliest = self._record, self._earliest(self._device.window)
        if record.oldest >= earliest:
            return []
        rows = zip(record.order, record.dates, strict=True)
        return [EntrySeq(seq) for seq, date in rows if date < earliest and seq not in record.hidden]

    def _newest(self, new: Sequence[Candidate], inherited: Iterable[Succession]) -> None:
        """Hide all but the newest of what is shown and would be."""
        window, record = self._device.window, self._record
        if window.kind != "newest" or len(record.order) + len(new) <= window.amount:
            return
        copies = {each.original: each.copy for each in inherited}
        shown = [
            (date, at, EntrySeq(seq))
            for at, (seq, date) in enumerate(zip(record.order, record.dates, strict=True))
            if seq not in record.hidden and self._ground.locate(copies.get(EntrySeq(seq), seq)) is not None
        ]
        shown += [(one.date, at, one.seq) for at, one in enumerate(new, len(record.order))]
        shown.sort()
        self._hide([seq for _, _, seq in shown[: max(len(shown) - window.amount, 0)]], "window")
