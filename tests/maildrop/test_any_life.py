"""Whatever happens upstream and in whichever order: what a device is promised about its maildrop."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bridge.maildrop import DeviceRecord, Maildrop
from bridge.model.devices import Admission
from bridge.model.names import EntrySeq
from bridge.model.places import NO_IDENTITY, MailboxKey, StoredMessage
from bridge.model.settings import DeviceSettings, Span
from tests.maildrop.support import DAY, FAMILY, KEYS, device, identity
from tests.maildrop.world import World, alike, told

keys = st.sampled_from(KEYS)
contents = st.sampled_from([*map(identity, "aaabbc"), NO_IDENTITY, "d" + "0" * 32])
places = st.integers(0, 5)
Mail = tuple[str, bool, int, int]
mail = st.lists(
    st.tuples(contents, st.sampled_from([True, True, True, False]), st.integers(1, 2), st.integers(0, 12)), max_size=4
)
days = st.integers(1, 9).map(lambda days: Span("age", days * DAY))
newest = st.integers(0, 4).map(lambda amount: Span("newest", amount))
everything = st.just(Span())
devices = st.builds(
    device,
    *map(st.just, KEYS),
    counts=st.booleans(),
    start=st.one_of(everything, everything, everything, days, newest, st.just(Span("now"))),
    window=st.one_of(everything, everything, everything, days, newest),
    search=st.sampled_from(["", "", "", "UNSEEN"]),
    deduplicate=st.sampled_from(["off", "account", "all", "all"]),
    mark=st.sampled_from(["", "", "[Office]"]),
    provenance=st.booleans(),
)


class AnyLife(RuleBasedStateMachine):
    """Mail comes, goes, is moved and copied; the device logs in, deletes, and is restarted under."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(device())
        self.was_hidden: set[EntrySeq] = set()
        self.maildrop: Maildrop | None = None
        self.first = 0

    @initialize(settings=devices, listed=st.sets(keys, min_size=1), provided=st.booleans(), mail=mail, more=mail)
    def begin(
        self, settings: DeviceSettings, listed: set[MailboxKey], provided: bool, mail: list[Mail], more: list[Mail]
    ) -> None:
        self.world = World(settings, {FAMILY} if provided else set())
        self.world.listed = listed
        self.deliver(KEYS[0], mail)
        self.deliver(KEYS[1], more)

    @rule(key=keys, mail=mail)
    def deliver(self, key: MailboxKey, mail: list[Mail]) -> None:
        for content, known, provider, age in mail:
            self.world.deliver(key, content, known, provider, age)

    @rule(key=keys, at=places, to=keys)
    def copy(self, key: MailboxKey, at: int, to: MailboxKey) -> None:
        self.world.copy(key, at, to)

    @rule(key=keys, at=places)
    def vanish(self, key: MailboxKey, at: int) -> None:
        self.world.vanish(key, at)

    @rule(key=keys, at=places, to=keys)
    def move(self, key: MailboxKey, at: int, to: MailboxKey) -> None:
        self.world.move(key, at, to)

    @precondition(lambda self: self.world.gone())
    @rule(at=places, key=keys)
    def bring_back(self, at: int, key: MailboxKey) -> None:
        gone = self.world.gone()
        self.world.bring_back(gone[at % len(gone)], key)

    @rule(key=keys)
    def identify(self, key: MailboxKey) -> None:
        self.world.identify(key)

    @rule(key=keys, subject=st.booleans())
    def measure(self, key: MailboxKey, subject: bool) -> None:
        self.world.measure(key, subject)

    @rule(key=keys)
    def search(self, key: MailboxKey) -> None:
        self.world.search(key)

    @rule(key=keys)
    def list_for_the_first_time(self, key: MailboxKey) -> None:
        self.world.listed.add(key)

    @rule(days=st.integers(1, 5))
    def wait(self, days: int) -> None:
        self.world.now += days * DAY

    @rule()
    def restart(self) -> None:
        self.world.restart()

    @rule()
    def look_and_leave_it(self) -> None:
        """A preview, or a commit that failed."""
        self.world.decide()

    @rule(at=places)
    def delete(self, at: int) -> None:
        if shown := self.world.visible():
            self.world.hide([shown[at % len(shown)]])

    @rule(key=keys, mail=mail)
    def deliver_and_login(self, key: MailboxKey, mail: list[Mail]) -> None:
        self.deliver(key, mail)
        self.login()

    @rule(key=keys, at=places)
    def vanish_and_login(self, key: MailboxKey, at: int) -> None:
        self.vanish(key, at)
        self.login()

    @rule()
    def login(self) -> None:
        world = self.world
        before = (set(world.kept.decided), set(world.visible()), dict(world.kept.positions))
        unseen = {view.key for view in world.sources()} - world.kept.shown
        admission = world.login()
        self.first = self.first or (world.logins if admission.shown else 0)
        self._only_what_was_undecided(admission, before[0])
        self._heirs_stand_where_their_originals_did(admission, before[2])
        self._copies_are_copies(admission, before[0])
        self._nothing_is_forgotten(unseen)
        self._the_window_holds()
        assert world.decide().empty
        self._the_maildrop_is_what_is_shown()

    def _only_what_was_undecided(self, admission: Admission, decided: set[EntrySeq]) -> None:
        world, here = self.world, self.world.here()
        announced = [one.seq for one in admission.announce]
        copies = [copy for copy, _ in admission.duplicates]
        hidden = [seq for seq, _ in admission.hide]
        for seqs in (announced, copies, hidden):
            assert len(set(seqs)) == len(seqs)
        assert not {*announced, *copies} & decided
        assert {*announced, *copies} <= here.keys()
        assert not set(announced) & set(hidden) | set(announced) & set(copies) | set(copies) & set(hidden)
        for seq, why in admission.hide:
            # What was decided can only leave the window; and it was shown until then.
            assert seq not in decided or (why == "window" and seq not in self.was_hidden)
        for seq in announced:
            assert world.matches(here[seq])

    def _heirs_stand_where_their_originals_did(
        self, admission: Admission, positions: dict[EntrySeq, tuple[int, int]]
    ) -> None:
        kept = self.world.kept
        for original, copy, _ in admission.succeed:
            assert kept.positions[copy] == positions.pop(original)
            assert original not in self.world.here()
            assert copy in self.world.here()
        assert positions.items() <= kept.positions.items()

    def _copies_are_copies(self, admission: Admission, decided: set[EntrySeq]) -> None:
        """Nothing that is shown has a copy elsewhere that nobody else has, and no copy is another message."""
        world, here = self.world, self.world.here()
        scope = world.settings.deduplicate
        if scope == "off":
            assert not admission.duplicates
            return
        # Those announced before it, and what was decided earlier, are what a message can be a copy of.
        fresh = [one.seq for one in admission.announce]
        groups: dict[EntrySeq, set[EntrySeq]] = {}
        just_hidden = {seq for seq, _ in admission.hide if seq not in decided}
        for seq in (here.keys() & world.kept.decided) - just_hidden:
            groups.setdefault(world.kept.duplicates.get(seq, seq), set()).add(seq)
        for copy, head in admission.duplicates:
            others = groups[head] - {copy}
            assert all(world.where(copy) != world.where(other) for other in others)
            assert not any(self._told_apart(here[copy], here[other]) for other in others)
            assert not others or any(self._alike(here[copy], here[other]) for other in others)
        for at, seq in enumerate(fresh):
            for head, members in groups.items():
                later = head in just_hidden or head in fresh[at:]
                told_apart = any(self._told_apart(here[seq], here[other]) for other in members)
                alike = any(self._alike(here[seq], here[other]) for other in members)
                if alike and not later and not told_apart:
                    assert any(world.where(other) == world.where(seq) for other in members)

    def _alike(self, one: StoredMessage, other: StoredMessage) -> bool:
        accounts = {self.world.where(each.seq).account for each in (one, other)}
        return alike(one, other, len(accounts) == 1, self.world.settings.deduplicate)

    def _told_apart(self, one: StoredMessage, other: StoredMessage) -> bool:
        accounts = {self.world.where(each.seq).account for each in (one, other)}
        return len(accounts) == 1 and "" not in (one.provider, other.provider) and one.provider != other.provider

    def _nothing_is_forgotten(self, unseen: set[MailboxKey]) -> None:
        """What is there is shown, hidden or a copy of something that is; else it waits, and why is known."""
        world = self.world
        for seq, row in world.here().items():
            key = world.where(seq)
            if seq not in world.kept.decided:
                unsearched = world.settings.search and row.uid > world.searched[key]
                assert unsearched or (world.settings.deduplicate != "off" and row.content == "") or key in unseen
            elif (head := world.kept.duplicates.get(seq)) is not None and seq not in world.kept.hides:
                assert head in world.kept.hides or head in world.here()
                assert head in world.kept.hides or head in world.kept.positions

    def _the_window_holds(self) -> None:
        world, window = self.world, self.world.settings.window
        if window.kind == "newest":
            assert len(world.visible()) <= window.amount
        if window.kind == "age":
            assert all(world.kept.positions[seq][1] >= world.now - window.amount for seq in world.visible())

    def _the_maildrop_is_what_is_shown(self) -> None:
        world = self.world
        self.maildrop = world.view(self.maildrop)
        wanted = world.wanted()
        for maildrop in (self.maildrop, world.view(self.maildrop), world.view()):
            assert told(maildrop) == wanted
            assert maildrop.uidls[:] == [one.uidl for one in wanted]
            assert maildrop.total == sum(one.size for one in wanted)
            known = [one.seq for one in wanted if one.seq not in world.fresh]
            assert (maildrop.familiar, maildrop.first_session) == (len(known), world.logins == self.first)
        assert world.view(self.maildrop).seqs is self.maildrop.seqs

    # --- what is always so

    @invariant()
    def what_is_hidden_never_comes_back(self) -> None:
        assert not self.was_hidden & set(self.world.visible())
        self.was_hidden.update(self.world.kept.hides)

    @invariant()
    def the_record_is_what_the_store_would_give(self) -> None:
        world, record = self.world, self.world.record
        fresh = DeviceRecord(world.kept.load(world.live, world.counts), world.counts)
        # What came back since the last login is in the store's order, and in the record's when the device logs in.
        here = {seq for seq in world.visible() if seq in record.listed}
        every = range(world.seq + 1)
        if not world.counts:
            assert [seq for seq in record.order if seq in here] == [seq for seq in fresh.order if seq in here]
        else:
            assert (record.order, record.dates, record.uidls) == (fresh.order, fresh.dates, fresh.uidls)
        for mine, theirs in ((record.decided, fresh.decided), (record.hidden, fresh.hidden)):
            assert [seq for seq in every if seq in mine] == [seq for seq in every if seq in theirs]
        assert dict(record.copies.pairs()) == dict(fresh.copies.pairs())
        assert (record.shown, record.next_position) == (fresh.shown, fresh.next_position)
        for seq in here:
            assert record.aliases.get(seq, world.kept.own[seq]) == world.kept.name(seq)

    @invariant()
    def no_name_names_two(self) -> None:
        shown = self.world.visible()
        assert len({self.world.kept.name(seq) for seq in shown}) == len(shown)


def test_any_life() -> None:
    run_state_machine_as_test(AnyLife, settings=settings(max_examples=120, stateful_step_count=30, deadline=None))
