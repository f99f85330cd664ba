"""The device side of the store against a model in plain Python, over random lives of three devices.

Besides doing what the model does: nothing that was deleted is shown again but by undo, reset or forget; a position is
one entry's, and changes by reset and succession alone; no unique-id names two entries of a device.
"""

import shutil
import sqlite3
import tempfile
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bridge.model.devices import Admission, Announcement, HideRule, Succession
from bridge.model.failures import StoreUnavailable
from bridge.model.names import DeviceId, EntrySeq, MailboxName, SessionId, Uid, Uidl, UidValidity
from bridge.model.places import ListedMessage, ListingChange
from bridge.model.update import Action, MovedTo, NewIntent, UpdatePlan
from bridge.store import Store
from tests.store.device_model import Model, Promise
from tests.store.device_support import ALL, seqs
from tests.store.support import INBOX, ONE, namer, place, whole
from tests.store.test_promises import OpenStore

DEVICES = st.sampled_from([*ALL[:2], *ALL])
ELECTORATES = st.sampled_from([ALL, ALL[:2], ALL[:2], ALL[:1]])
ACTIONS: st.SearchStrategy[Action] = st.sampled_from(["seen", "flag", "archive", "trash", "expunge"])
POLICIES = ["all", "all", "this", "hide", "held", "held all"]
PARTS = ["leave", "announce", "hide", "copy"]
RULES: st.SearchStrategy[HideRule] = st.sampled_from(["window", "search", "start"])
TRASH = MovedTo(MailboxName("Trash"), UidValidity(5), Uid(50))

OLD, NEW, SINCE = 1_000, 4_000_000_000, 3_000_000_000.0
"""Dates of messages, and a moment that tells them apart; all are first seen before it."""

_PROMISES = (
    "SELECT i.id, d.name, i.entry, i.action, i.state FROM intents i JOIN devices d ON d.id = i.device ORDER BY i.id"
)


class Devices(RuleBasedStateMachine):
    """Three devices that are shown one mailbox."""

    @initialize()
    def begin(self) -> None:
        self.state_dir = tempfile.mkdtemp(prefix="popbridge-devices-")
        self.open = OpenStore(self.state_dir)
        self.model = Model(ALL)
        self.clock = 10.0
        self.dates: dict[int, int] = {}
        self.live: set[int] = set()
        self.shown: set[DeviceId] = set()
        self.deleted: dict[DeviceId, set[int]] = {device: set() for device in ALL}
        self.places: dict[DeviceId, dict[int, int]] = {device: {} for device in ALL}
        self.deliver([NEW, OLD, NEW] * 4)
        for who in ALL:
            self.announce(who, [*range(1, 9)], [], [(9, 1), (10, 2)])

    def teardown(self) -> None:
        self.open.close()
        shutil.rmtree(self.state_dir)

    @property
    def store(self) -> Store:
        return self.open.store

    def now(self) -> float:
        self.clock += 1
        return self.clock

    # --- upstream

    @rule(what=st.sampled_from(["deliver", "vanish", "come back"]), data=st.data())
    def upstream(self, what: str, data: st.DataObject) -> None:
        if what == "deliver":
            self.deliver(data.draw(st.lists(st.sampled_from([OLD, NEW]), min_size=1, max_size=2)))
        elif what == "vanish":
            self.vanish(self.some(data, self.live, 2))
        else:
            self.come_back(self.some(data, self.dates.keys() - self.live, 2))

    def deliver(self, dates: list[int]) -> None:
        first = len(self.dates) + 1
        lines = tuple(ListedMessage(Uid(uid), 100, date, "") for uid, date in enumerate(dates, first))
        state = whole(len(self.live) + len(lines), first + len(lines))
        rows = self.open(self.store.apply_listing, ListingChange(INBOX, ONE, lines, state=state), namer())
        assert [int(row.seq) for row in rows] == [int(row.uid) for row in rows]
        self.dates |= {line.uid: line.date for line in lines}
        self.live.update(line.uid for line in lines)

    def vanish(self, gone: list[int]) -> None:
        self.open(self.store.apply_listing, ListingChange(INBOX, ONE, vanished=tuple(map(Uid, gone))), namer())
        self.live.difference_update(gone)

    def come_back(self, back: list[int]) -> None:
        lines = tuple(ListedMessage(Uid(uid), 100, self.dates[uid], "") for uid in back)
        rows = self.open(self.store.apply_listing, ListingChange(INBOX, ONE, lines), namer())
        assert [row.seq for row in rows] == back
        self.live.update(back)

    def some(self, data: st.DataObject, of: Any, most: int = 4) -> list[int]:
        """Give some of these, seldom none, often all."""
        choice = sorted(of)[-most:] if data.draw(st.booleans()) else sorted(of)[:most]
        chosen = st.lists(st.sampled_from(choice), unique=True) if choice else st.just([])
        return sorted(data.draw(st.just(choice) | chosen))

    # --- sessions

    @rule(who=DEVICES, how=RULES, data=st.data())
    def log_in(self, who: DeviceId, how: HideRule, data: st.DataObject) -> None:
        """Decide on some of what is undecided: show it, hide it, or take it for a copy of what is shown. A copy whose
        original is gone takes its place.
        """
        device = self.model.devices[who]
        new = self.some(data, self.live - device.decided)
        parts = data.draw(st.lists(st.sampled_from(PARTS), min_size=len(new), max_size=len(new)))
        announce, hide, copies = ([e for e, its in zip(new, parts, strict=True) if its == part] for part in PARTS[1:])
        shown = device.shown()
        leaving = self.some(data, shown, 1) if data.draw(st.integers(0, 3)) == 0 else []
        decided: list[tuple[int, HideRule]] = [*((entry, how) for entry in hide), *((e, "window") for e in leaving)]
        self.announce(who, announce, decided, [(copy, data.draw(st.sampled_from(shown))) for copy in copies if shown])
        self.succeed(who)

    def announce(
        self, who: DeviceId, announce: list[int], hide: list[tuple[int, HideRule]], copies: list[tuple[int, int]]
    ) -> None:
        at = self.now()
        admission = Admission(
            who,
            SessionId("in"),
            at,
            self.model.devices[who].next,
            announce=tuple(Announcement(EntrySeq(entry), self.dates[entry]) for entry in announce),
            hide=tuple((EntrySeq(entry), rule) for entry, rule in hide),
            duplicates=tuple((EntrySeq(copy), EntrySeq(original)) for copy, original in copies),
            shown=(INBOX,),
        )
        self.open(self.store.commit_admission, admission)
        self.model.admit(who, at, announce, hide, copies)
        self.shown.add(who)

    def succeed(self, who: DeviceId) -> None:
        device, taken = self.model.devices[who], set[int]()
        for copy, original in sorted(device.copies.items()):
            orphaned = original not in self.live and original in device.shown() and original not in taken
            if orphaned and copy in self.live and copy not in device.hides and copy not in device.positions:
                what = Succession(EntrySeq(original), EntrySeq(copy), Uidl(""))
                admission = Admission(who, SessionId("in"), self.now(), device.next, succeed=(what,))
                self.open(self.store.commit_admission, admission)
                self.model.succeed(who, original, copy, self.own())
                self.places[who][copy] = self.places[who].pop(original)
                taken.add(original)

    @rule(who=DEVICES, off=st.sampled_from([-1, 1, 5]), data=st.data())
    def log_in_with_old_knowledge(self, who: DeviceId, off: int, data: st.DataObject) -> None:
        """Whatever is wrong with it, nothing of it is written."""
        device = self.model.devices[who]
        wrong = [Admission(who, SessionId("in"), self.clock, device.next + off, shown=(INBOX,))]
        if device.positions:
            seq = EntrySeq(data.draw(st.sampled_from(sorted(device.positions))))
            right = Admission(who, SessionId("in"), self.clock, device.next, hide=((seq, "window"),))
            wrong.append(replace(right, announce=(Announcement(seq, 1),)))
        for admission in wrong:
            with pytest.raises(StoreUnavailable):
                self.open(self.store.commit_admission, admission)

    def own(self) -> dict[int, str]:
        return {entry: namer()(Uid(entry), 0) for entry in self.dates}

    @rule(who=DEVICES, policy=st.sampled_from(POLICIES), action=ACTIONS, electorate=ELECTORATES, data=st.data())
    def quit(
        self, who: DeviceId, policy: str, action: Action, electorate: tuple[DeviceId, ...], data: st.DataObject
    ) -> None:
        """Delete some, have some hidden that were fetched."""
        shown = self.model.devices[who].shown()
        hide = self.some(data, shown, 2)
        retrieved = self.some(data, set(shown) - set(hide), 2) if data.draw(st.booleans()) else []
        self.leave(who, policy, action, electorate, hide, retrieved)

    @rule(order=st.permutations(ALL), electorate=ELECTORATES, data=st.data())
    def quit_one_after_another(
        self, order: list[DeviceId], electorate: tuple[DeviceId, ...], data: st.DataObject
    ) -> None:
        """Nearly all delete the same, as devices that agree do; some want this done, some that."""
        entries = self.some(data, self.live.intersection(*(d.shown() for d in self.model.devices.values())), 2)
        for who in order:
            hide = [entry for entry in entries if entry in self.model.devices[who].shown()]
            policy = data.draw(st.sampled_from(["all", "all", *POLICIES, "fetched"]))
            if policy == "fetched":
                self.leave(who, "hide", "seen", electorate, [], hide)
            else:
                self.leave(who, policy, data.draw(ACTIONS), electorate, hide, [])

    def leave(
        self,
        who: DeviceId,
        policy: str,
        action: Action,
        electorate: tuple[DeviceId, ...],
        hide: list[int],
        retrieved: list[int],
    ) -> None:
        """QUIT, and promise what the policy says."""
        at, when_all = self.now(), policy.endswith("all")
        promised = [] if policy == "hide" else [EntrySeq(entry) for entry in hide]
        held = policy.startswith("held")
        intents = tuple(
            NewIntent(seq, place(seq), action, 100, at + 5, "held" if held else "waiting", when_all) for seq in promised
        )
        plan = UpdatePlan(
            who, SessionId("out"), at, seqs(*hide), seqs(*retrieved), electorate, intents, seqs(*hide, *retrieved)
        )
        self.open(self.store.commit_update, plan)
        state = "held" if held else "voting" if when_all else "waiting"
        self.model.quit(who, at, hide, retrieved, [Promise(who, seq, action, state, when_all, at) for seq in promised])
        self.model.evaluate(electorate, {*hide, *retrieved})
        self.deleted[who].update(hide)

    # --- intents

    @rule(what=st.sampled_from(["evaluate", "confirm", "lapse"]), who=DEVICES, electorate=ELECTORATES)
    def decide(self, what: str, who: DeviceId, electorate: tuple[DeviceId, ...]) -> None:
        if what == "evaluate":
            assert self.open(self.store.evaluate_votes, electorate, 1.0) == self.model.evaluate(electorate)
        elif what == "confirm":
            assert self.open(self.store.confirm, who, 1.0) == self.model.confirm(who)
        else:
            assert self.open(self.store.lapse_held, self.clock - 1) == self.model.lapse(self.clock - 1)

    @rule(moved=st.booleans(), late=st.booleans(), data=st.data())
    def carry_out(self, moved: bool, late: bool, data: st.DataObject) -> None:
        """What waits is done; `late`, something was taken back while it was being done."""
        self.settle(self.some(data, self.numbers("waiting", *(["cancelled"] if late else [])), 3), moved)

    def settle(self, numbers: list[int], moved: bool) -> None:
        for number in numbers:
            self.open(self.store.settle_intent, self.rows()[number][0], "done", "done", TRASH if moved else None)
            self.model.settle(self.model.promises[number], moved)

    def bring_back(self, numbers: list[int]) -> None:
        for number in numbers:
            self.open(self.store.brought_back, self.rows()[number][0])
            self.model.brought_back(self.model.promises[number])

    def numbers(self, *states: str) -> list[int]:
        return [number for number, one in enumerate(self.model.promises) if one.state in states]

    # --- owners

    @rule(
        who=DEVICES,
        sessions=st.sampled_from([1, 2, 9]),
        late=st.booleans(),
        then=st.sampled_from(["", "twice", "back"]),
    )
    def undo(self, who: DeviceId, sessions: int, late: bool, then: str) -> None:
        """Perhaps all is carried out already; perhaps it is undone twice, or what was moved is brought back."""
        if late:
            self.settle(self.numbers("waiting"), moved=True)
        for _ in range(1 + (then == "twice")):
            undone = self.open(self.store.undo, who, sessions, self.clock)
            again, back = self.model.undo(who, sessions)
            assert (undone.unhidden, [one.seq for one in undone.back]) == (again, [one.entry for one in back])
            self.deleted[who].difference_update(again)
        if then == "back":
            self.bring_back(self.numbers("returning"))

    @rule(what=st.sampled_from(["restart", "restart", "reset", "reset since", "forget"]), who=DEVICES)
    def begin_anew(self, what: str, who: DeviceId) -> None:
        if what == "restart":
            self.open.close()
            self.open = OpenStore(self.state_dir)
        elif what == "forget":
            self.open(self.store.forget, who)
            self.model.forget(who)
            self.shown.discard(who)
            self.deleted[who], self.places[who] = set(), {}
        else:
            self.reset(who, None if what == "reset" else SINCE)

    def reset(self, who: DeviceId, since: float | None) -> None:
        device = self.model.devices[who]
        own = {*device.announced, *device.hides, *(self.live if who in self.shown else ())}
        again = {entry for entry in own if since is None or self.dates[entry] == NEW}
        done = self.open(self.store.reset, who, since)
        assert (done.shown, done.hidden) == (len(again & self.live), len((own - again) & self.live))
        self.model.reset(who, again, own - again)
        self.deleted[who].difference_update(again)
        self.places[who] = {}

    # --- what holds

    def rows(self) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self.open(self.store._read, _promises)
        return rows

    @invariant()
    def it_does_what_the_model_does(self) -> None:
        for who, device in self.model.devices.items():
            found = self.open(self.store.load_device, who, True)
            assert {one.seq: one.position for one in found.announced} == device.positions
            assert [one.seq for one in found.announced if not one.hidden] == device.shown()
            assert list(found.hidden) == sorted(device.hides)
            assert list(found.decided) == sorted(device.decided)
            assert (found.duplicates, found.aliases, found.next_position) == (device.copies, device.names, device.next)
        promises = [(one.device, one.entry, one.action, one.state) for one in self.model.promises]
        assert [row[1:] for row in self.rows()] == promises

    @invariant()
    def what_was_promised_holds(self) -> None:
        for who in ALL:
            found = self.open(self.store.load_device, who)
            assert self.deleted[who].isdisjoint(one.seq for one in found.announced)
            everything = self.open(self.store.load_device, who, True)
            for one in everything.announced:
                assert self.places[who].setdefault(one.seq, one.position) == one.position
            assert len(set(self.places[who].values())) == len(self.places[who])
            names = [found.aliases.get(EntrySeq(entry), own) for entry, own in self.own().items()]
            assert len(set(names)) == len(names)


def _promises(db: sqlite3.Connection) -> list[tuple[Any, ...]]:
    return db.execute(_PROMISES).fetchall()


TestDevices = Devices.TestCase
TestDevices.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)
