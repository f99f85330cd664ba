"""A device, mailboxes where anything happens, and a store: what the rules of a device's maildrop are tried on."""

import copy
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple

from bridge.identity import content_digest
from bridge.maildrop import DeviceRecord, MailboxSnapshot, Maildrop, SourceEdit, SourceView, build, decide
from bridge.maildrop.device import Examined
from bridge.model.devices import Admission, Announced, HideRule, StoredDevice
from bridge.model.names import AccountId, EntrySeq, MailboxName, MsgNum, SessionId, Uid, Uidl
from bridge.model.places import Location, MailboxKey, MeasuredMessage, StoredMessage
from bridge.model.settings import DeviceSettings
from bridge.model.update import UpdatePlan
from tests.maildrop.support import DAY, FAX, FIRST, KEYS, extra, mailbox, message, source

STUB = 4711
"""Octets of a stub, in the tests."""


class Told(NamedTuple):
    """All that a maildrop says of a message."""

    seq: EntrySeq
    size: int
    exact: bool
    location: Location | None
    edit: SourceEdit | None
    uidl: str
    stub: bool


@dataclass
class Kept:
    """What a store keeps of the device: the same promises as the real one's, in dictionaries."""

    own: dict[EntrySeq, Uidl]
    positions: dict[EntrySeq, tuple[int, int]] = field(default_factory=dict)
    hides: dict[EntrySeq, HideRule] = field(default_factory=dict)
    duplicates: dict[EntrySeq, EntrySeq] = field(default_factory=dict)
    aliases: dict[EntrySeq, Uidl] = field(default_factory=dict)
    shown: set[MailboxKey] = field(default_factory=set)

    @property
    def next_position(self) -> int:
        return max((position + 1 for position, _ in self.positions.values()), default=0)

    @property
    def decided(self) -> set[EntrySeq]:
        return {*self.positions, *self.hides, *self.duplicates}

    def name(self, seq: EntrySeq) -> Uidl:
        return self.aliases.get(seq, self.own[seq])

    def commit(self, admission: Admission) -> None:
        assert admission.first_position == self.next_position
        self.hides = {**dict(admission.hide), **self.hides}
        self.duplicates.update(admission.duplicates)
        for original, heir, uidl in admission.succeed:
            assert uidl in ("", self.name(original))
            assert not self.hides.keys() & {original, heir}
            assert heir not in self.positions
            self.positions[heir] = self.positions.pop(original)
            del self.duplicates[heir]
            self.duplicates = {c: heir if o == original else o for c, o in self.duplicates.items()}
            self.aliases[heir], self.aliases[original] = self.name(original), self.name(heir)
        for position, (seq, date) in enumerate(admission.announce, admission.first_position):
            assert seq not in self.positions
            self.positions[seq] = (position, date)
        self.shown.update(admission.shown)

    def update(self, plan: UpdatePlan) -> None:
        for seq in (*plan.hide, *plan.retrieved):
            self.hides.setdefault(seq, "delete")

    def load(self, live: set[EntrySeq], everything: bool) -> StoredDevice:
        announced = [
            Announced(seq, position, date, seq in self.hides, seq not in live)
            for seq, (position, date) in sorted(self.positions.items(), key=lambda each: each[1])
            if everything or (seq in live and seq not in self.hides)
        ]
        return StoredDevice(
            FAX,
            announced=announced,
            decided=sorted(self.decided),
            hidden=sorted(self.hides),
            duplicates=dict(self.duplicates),
            aliases=dict(self.aliases),
            shown=frozenset(self.shown),
            next_position=self.next_position,
            uidls=[self.own[one.seq] for one in announced] if everything else (),
        )


class World:
    """Mailboxes as snapshots that grow and shrink, and as rows, which say what is in them."""

    def __init__(self, settings: DeviceSettings, provided: Collection[AccountId] = ()) -> None:
        self.settings = settings
        self.provided = provided
        self.truth: dict[EntrySeq, str] = {}
        self.home: dict[EntrySeq, AccountId] = {}
        self.provider: dict[EntrySeq, str] = {}
        self.counts = "counts" in settings.quirks
        self.rows: dict[MailboxKey, dict[Uid, StoredMessage]] = {key: {} for key in KEYS}
        self.snapshots: dict[MailboxKey, MailboxSnapshot] = {key: mailbox([], key) for key in KEYS}
        self.uids = dict.fromkeys(KEYS, 0)
        self.searched = dict.fromkeys(KEYS, 0)
        self.listed: set[MailboxKey] = set()
        self.now = 1000 * DAY
        self.seq = 0
        self.kept = Kept({})
        self.record = DeviceRecord(StoredDevice(FAX), self.counts)
        self.session = SessionId("")
        self.fresh: list[EntrySeq] = []
        self.logins = 0

    # --- what happens upstream

    def deliver(self, key: MailboxKey, content: str, known: bool, provider: int, age: int) -> None:
        """A message comes; `known` when its content identity is at once. Some providers have identities of their own,
        which may be two for one content.
        """
        self.seq += 1
        self.truth[EntrySeq(self.seq)], self.home[EntrySeq(self.seq)] = content, key.account
        row = message(
            self.seq,
            self._next_uid(key),
            key=key,
            content=content if known else "",
            provider=f"gmail:{content}{provider}" if key.account in self.provided else "",
            date=self.now - age * DAY,
            seen=self.now,
        )
        self.kept.own[row.seq], self.provider[row.seq] = row.uidl, row.provider
        self._append(key, row)

    def copy(self, key: MailboxKey, at: int, to: MailboxKey) -> None:
        if self.rows[key]:
            row = self.rows[key][sorted(self.rows[key])[at % len(self.rows[key])]]
            provider = int(row.provider[-1:] or 1)
            self.deliver(to, self.truth[row.seq], row.content != "", provider, (self.now - row.date) // DAY)

    def vanish(self, key: MailboxKey, at: int) -> StoredMessage | None:
        if not self.rows[key]:
            return None
        uid = sorted(self.rows[key])[at % len(self.rows[key])]
        self.snapshots[key] = self.snapshots[key].without([uid])
        return self.rows[key].pop(uid)

    def move(self, key: MailboxKey, at: int, to: MailboxKey) -> None:
        if to.account == key.account and to != key and (row := self.vanish(key, at)) is not None:
            self._append(to, row._replace(uid=self._next_uid(to)))

    def bring_back(self, seq: EntrySeq, key: MailboxKey) -> None:
        if key.account != self.home[seq]:
            return
        content = self.truth[seq]
        provider = self.provider[seq]
        row = message(seq, self._next_uid(key), key=key, seen=self.now, content=content, provider=provider)
        self._append(key, row._replace(uidl=self.kept.own[seq]))

    def identify(self, key: MailboxKey) -> None:
        found = {uid: self.truth[row.seq] for uid, row in self.rows[key].items() if row.content == ""}
        self.rows[key].update({uid: self.rows[key][uid]._replace(content=text) for uid, text in found.items()})
        self.snapshots[key] = self.snapshots[key].with_identities(found)

    def measure(self, key: MailboxKey, subject: bool) -> None:
        found = {uid: MeasuredMessage(uid + 5, subject) for uid, row in self.rows[key].items() if row.measured < 0}
        for uid, (octets, _) in found.items():
            self.rows[key][uid] = self.rows[key][uid]._replace(measured=octets, subject=int(subject))
        self.snapshots[key] = self.snapshots[key].with_measured(found)

    def search(self, key: MailboxKey) -> None:
        self.searched[key] = self.uids[key]

    def gone(self) -> list[EntrySeq]:
        return sorted(self.kept.own.keys() - self.live)

    @property
    def live(self) -> set[EntrySeq]:
        return {row.seq for rows in self.rows.values() for row in rows.values()}

    def matches(self, row: StoredMessage) -> bool:
        return not self.settings.search or row.uid % 3 != 0

    def _next_uid(self, key: MailboxKey) -> Uid:
        return Uid(self.uids[key] + 1)

    def _append(self, key: MailboxKey, row: StoredMessage) -> None:
        self.uids[key] += 1
        self.rows[key][row.uid] = row
        self.snapshots[key] = self.snapshots[key].with_appended([row])

    # --- what the device does

    def sources(self) -> list[SourceView]:
        """The sources that are to be had now: a mailbox that was shown is never missing."""
        marks = {MailboxKey(one.account, MailboxName(one.mailbox)): one.mark for one in self.settings.sources}
        return [self._source(key, mark) for key, mark in marks.items() if key in self.listed | self.kept.shown]

    def _source(self, key: MailboxKey, mark: str) -> SourceView:
        if not self.settings.search:
            return source(self.snapshots[key], mark=mark)
        matched = {uid for uid, row in self.rows[key].items() if self.matches(row) and uid <= self.searched[key]}
        return source(self.snapshots[key], mark=mark, matched=matched, searched=self.searched[key])

    def decide(self) -> Admission:
        """Decide, made sure that having looked before changes nothing; with the record made anew when it must be."""
        admission = self._decide()
        if self.record.incomplete:
            self.reload()
            admission = self._decide()
            assert not self.record.incomplete
        return admission

    def _decide(self) -> Admission:
        self.session = SessionId(f"s{self.logins}")
        forgetful = copy.copy(self.record)
        forgetful.examined = Examined()
        admission = decide(self.settings, self.record, self.sources(), self.session, self.now)
        again = decide(self.settings, forgetful, self.sources(), self.session, self.now)
        assert _nameless(admission) == _nameless(again)
        assert forgetful.incomplete == self.record.incomplete
        return admission

    def login(self) -> Admission:
        self.logins += 1
        admission = self.decide()
        if not admission.empty:
            self.kept.commit(admission)
            self.record.take_admission(admission)
        if self.record.incomplete:
            self.reload()
        self.fresh = [one.seq for one in admission.announce]
        return admission

    def view(self, previous: Maildrop | None = None) -> Maildrop:
        """The maildrop of the session that logged in last."""
        how = {"extra": extra, "stub_octets": STUB, "previous": previous}
        return build(self.settings, self.record, self.sources(), self.session, **how)  # type: ignore[arg-type]

    def wanted(self) -> list[Told]:
        """What that maildrop must be, message by message, said as plainly as it can be."""
        here, kept = self.here(), self.kept
        ordered = sorted(kept.positions, key=lambda seq: kept.positions[seq])
        found: list[Told] = []
        for seq in ordered:
            if seq in here and seq not in kept.hides:
                size, exact, location, edit = self._wanted(here[seq], self.where(seq))
                found.append(Told(seq, size, exact, location, edit, kept.name(seq), False))
            elif self.counts:
                found.append(Told(seq, STUB, True, None, None, kept.name(seq), True))
        return found

    def _wanted(self, row: StoredMessage, key: MailboxKey) -> tuple[int, bool, Location, SourceEdit | None]:
        at = [MailboxKey(one.account, MailboxName(one.mailbox)) for one in self.settings.sources].index(key)
        mark, provenance = self.settings.sources[at].mark, str(key) if self.settings.provenance else ""
        edit = SourceEdit(mark, provenance) if mark or provenance else None
        more = extra(edit, row.subject != 0) if edit else 0
        octets = row.size if row.measured < 0 else row.measured
        return octets + more, row.measured >= 0, Location(key, FIRST, row.uid), edit

    def hide(self, seqs: list[EntrySeq]) -> None:
        plan = UpdatePlan(FAX, self.session, self.now, hide=tuple(seqs))
        self.kept.update(plan)
        self.record.take_update(plan)

    def restart(self) -> None:
        self.record = DeviceRecord(self.kept.load(self.live, self.counts), self.counts)

    def reload(self) -> None:
        """Make the record anew, in the middle of a login."""
        self.record = DeviceRecord(self.kept.load(self.live, self.counts), self.counts, former=self.record)

    # --- what is so

    def here(self) -> dict[EntrySeq, StoredMessage]:
        """What the device's sources have, each entry at the first place."""
        found: dict[EntrySeq, StoredMessage] = {}
        for view in self.sources():
            for row in self.rows[view.key].values():
                found.setdefault(row.seq, row)
        return found

    def where(self, seq: EntrySeq) -> MailboxKey:
        return next(view.key for view in self.sources() if any(row.seq == seq for row in self.rows[view.key].values()))

    def visible(self) -> list[EntrySeq]:
        """What the device is shown, in the order of positions, as the store has it."""
        here = self.here()
        ordered = sorted(self.kept.positions, key=lambda seq: self.kept.positions[seq])
        return [seq for seq in ordered if seq in here and seq not in self.kept.hides]


def told(maildrop: Maildrop) -> list[Told]:
    """All that a maildrop says of its messages, one by one."""
    found: list[Told] = []
    for at, seq in enumerate(maildrop.seqs):
        num = MsgNum(at + 1)
        stub = maildrop.stub(num)
        location = None if stub else maildrop.location(num)
        exact = maildrop.measured[at] != 0
        row = (EntrySeq(seq), maildrop.sizes[at], exact, location, maildrop.edit(num), maildrop.uidls[at], stub)
        found.append(Told(*row))
    return found


def _nameless(admission: Admission) -> list[object]:
    """All of an admission, but the names that only one who has seen the original knows."""
    succeed = [each[:2] for each in admission.succeed]
    rest = (admission.announce, admission.hide, admission.duplicates, admission.shown, admission.first_position)
    return [succeed, *rest]


def alike(one: StoredMessage, other: StoredMessage, same_account: bool, scope: str) -> bool:
    """True when two messages are copies of one as far as their identities go."""
    content = one.content == other.content and any(content_digest(one.content))
    if same_account:
        return one.provider == other.provider if one.provider and other.provider else content
    return scope == "all" and content
