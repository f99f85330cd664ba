"""Random lives of devices, index and upstream, and what must hold through all of them.

A life is a list of deeds: deliveries, copies, moves, expunges and new UIDVALIDITYs by other people's programs, outages,
UIDs given to other messages, POP3 sessions, stops, and crashes at any instant of a commit. Who a message is, the model
knows by its letter's name, which nothing but a copy shares.
"""

import os
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import trio
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from bridge.model.failures import NotListedYet, StoreUnavailable
from bridge.model.settings import DeviceSettings
from bridge.telemetry import set_instant_hook
from tests.index.mailboxes import Letter
from tests.index.support import START, House, Shown, device, living
from tests.index.upstream import FakeUpstream

BOXES = ("INBOX", "Sorted")
DEVICES = (
    device("hide", "mail/INBOX", "mail/Sorted", "other/INBOX"),
    replace(device("trash", "mail/INBOX", "mail/Sorted", on_delete="trash"), deduplicate="account"),
    device("expunge", "other/INBOX", on_delete="expunge"),
    replace(device("both", "other/INBOX", "mail/INBOX"), deduplicate="all"),
)

EXAMPLES = int(os.environ.get("POPBRIDGE_LIVES", "30"))

Deed = tuple[str, int, int]
KINDS = (
    *("deliver", "deliver", "copy", "move", "expunge", "renumber", "outage", "reuse", "vanish", "return"),
    *("session", "session", "session", "drop", "moment", "while", "hour", "stop", "crash"),
)
DEEDS: st.SearchStrategy[Deed] = st.tuples(st.sampled_from(KINDS), st.integers(0, 40), st.integers(0, 40))


class Crash(BaseException):
    """The process is gone."""


@dataclass
class Seen:
    """What a device was shown, ever and last, and what it had deleted; `doubtful` is what a QUIT without an answer may
    have deleted.
    """

    names: dict[str, str] = field(default_factory=dict)
    last: list[str] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)
    deleted_names: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)


class World:
    """The upstreams, and the model."""

    def __init__(self, providers: bool, modseqs: bool, notifies: bool) -> None:
        self.mail = FakeUpstream("mail", providers=providers, modseqs=modseqs, notifies=notifies)
        self.other = FakeUpstream("other")
        self.upstreams = {"mail": self.mail, "other": self.other}
        for box in (*BOXES, "Trash", "Archive"):
            self.mail.box(box)
        self.seen: dict[str, Seen] = defaultdict(Seen)
        self.born: dict[str, str] = {}
        self.dead: set[str] = set()
        self.dying: set[str] = set()
        self.copied: set[str] = set()
        self.doubled: set[str] = set()
        self.put_away: dict[str, dict[int, Letter]] = {}
        self.number = 0
        self.repaired: FakeUpstream | None = None

    # --- other people's programs

    def pick(self, a: int, b: int) -> tuple[FakeUpstream, str, int] | None:
        """Choose a letter."""
        upstream, box = ((self.mail, "INBOX"), (self.mail, "Sorted"), (self.other, "INBOX"))[a % 3]
        uids = sorted(upstream.box(box).letters)
        return (upstream, box, uids[b % len(uids)]) if uids else None

    def letter(self) -> str:
        self.number += 1
        return f"letter {self.number}"

    def deed(self, kind: str, a: int, b: int) -> None:
        """Have another program do something."""
        if kind == "deliver":
            upstream, box = ((self.mail, "INBOX"), (self.mail, "Sorted"), (self.other, "INBOX"))[a % 3]
            for _ in range(1 + b % 4):
                upstream.deliver(name := self.letter(), box=box, size=100 + b)
                self.born[name] = upstream.name
        elif kind == "outage":
            upstream = (self.mail, self.other)[a % 2]
            upstream.down = not upstream.down
            upstream.told()
        elif kind == "renumber":
            (self.mail.renumber if a % 2 else self.other.renumber)("INBOX")
        elif kind == "vanish":
            self.put_away["INBOX"] = self.put_away.get("INBOX", {}) or dict(self.mail.box().letters)
            self.mail.expunge(*list(self.mail.box().letters))
        elif kind == "return" and self.put_away:
            for letter in self.put_away.pop("INBOX").values():
                if letter.name not in self.everywhere():
                    self.mail.add(letter)
        elif (found := self.pick(a, b)) is not None:
            self.to_one(kind, *found)

    def to_one(self, kind: str, upstream: FakeUpstream, box: str, uid: int) -> None:
        name = upstream.box(box).letters[uid].name
        target = "Sorted" if box == "INBOX" else "INBOX"
        if kind == "expunge":
            upstream.expunge(uid, box=box)
        elif kind == "move" and upstream is self.mail:
            upstream.move(uid, box, target)
        elif kind == "copy" and upstream is self.mail:
            upstream.copy(uid, box, target)
            self.copied.add(name)
        elif kind == "reuse" and not upstream.down:
            # Nobody may be connected meanwhile: it is back when `live` says so.
            upstream.down = True
            upstream.told()
            upstream.reused.add((box, uid))
            upstream.box(box).letters[uid] = Letter(new := self.letter(), 7000 + self.number)
            self.born[new] = upstream.name
            self.repaired = upstream

    def note_doubles(self) -> None:
        """Copies within one mailbox are messages of their own, for good: they are never taken for one."""
        for upstream in self.upstreams.values():
            for box in upstream.boxes:
                self.doubled |= {name for name, times in Counter(upstream.names(box)).items() if times > 1}

    def everywhere(self) -> set[str]:
        boxes = [box for upstream in self.upstreams.values() for box in upstream.boxes.values()]
        return {letter.name for box in boxes for letter in box.letters.values()}

    def within(self, settings: DeviceSettings) -> Counter[str]:
        """Give how often each letter is in a device's mailboxes."""
        boxes = [self.upstreams[source.account].box(source.mailbox) for source in settings.sources]
        return Counter(letter.name for box in boxes for letter in box.letters.values())

    # --- what must hold

    def shown(self, shown: Shown, house: House) -> None:
        """Look at what a device is shown."""
        seen, who = self.seen[shown.settings.name], shown.settings.name
        apart = self.copied if shown.settings.deduplicate == "off" else self.copied & self.doubled
        assert len(set(shown.uidls)) == len(shown.uidls), f"{who} is shown a unique-id twice"
        for uidl, name in zip(shown.uidls, shown.names, strict=True):
            assert uidl not in seen.deleted, f"{who} is shown {uidl} again after it was deleted"
            if name != "?":
                assert seen.names.setdefault(uidl, name) == name, f"{uidl} names two messages for {who}"
                assert name in apart or name not in seen.deleted_names, f"{name} came back to {who}"
        there = self.within(shown.settings)
        for uidl in seen.last:
            name = seen.names.get(uidl, "?")
            hidden = uidl in seen.deleted or uidl in seen.doubtful
            lawful = hidden or name == "?" or not there[name] or name in apart
            assert lawful or uidl in shown.uidls, f"{uidl}, {name}, vanished for {who}"
        if shown.settings.deduplicate != "off":
            known = [name for name in shown.names if name != "?" and name not in self.doubled]
            assert len(known) == len(set(known)), f"{who} is shown a message twice"
        seen.last = shown.uidls

    def deletes(self, shown: Shown, nums: list[int]) -> None:
        """A QUIT was acknowledged."""
        seen = self.seen[shown.settings.name]
        for num in nums:
            seen.deleted.add(shown.uidls[num - 1])
            name = seen.names.get(shown.uidls[num - 1], "?")
            seen.deleted_names.add(name)
            if shown.settings.on_delete == "expunge":
                self.dead.add(name)


@contextmanager
def striking(after: int) -> Iterator[None]:
    """Crash at the `after`-th instant from now on."""
    left = [after]

    def strike(name: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Crash(name)

    set_instant_hook(strike)
    try:
        yield
    finally:
        set_instant_hook(lambda name: None)


async def session(world: World, house: House, who: int, what: int, *, quits: bool) -> None:
    """One POP3 session: look, delete some, and quit or drop."""
    try:
        shown = await house.log_in(DEVICES[who % len(DEVICES)].name)
    except NotListedYet:
        return
    world.shown(shown, house)
    known = world.seen[shown.settings.name].names
    # Only what the model knows by name: a message that is away upstream may be any.
    nums = [num for num, uidl in enumerate(shown.uidls, 1) if (num + what) % 5 == 0 and uidl in known]
    if quits:
        world.seen[shown.settings.name].doubtful |= {shown.uidls[num - 1] for num in nums}
        if shown.settings.on_delete == "expunge":
            # Also where the answer to QUIT is lost in a crash.
            world.dying |= {known[shown.uidls[num - 1]] for num in nums}
        await shown.quit(*nums, sent=tuple(nums))
        world.deletes(shown, nums)


async def live(world: World, house: House, deeds: list[Deed]) -> str:
    """Live until a stop or a crash is due; gives which."""
    while deeds:
        kind, a, b = deeds.pop(0)
        if kind in {"stop", "crash"}:
            return kind
        if kind in {"session", "drop"}:
            await session(world, house, a, b, quits=kind == "session")
        elif kind in {"moment", "while", "hour"}:
            await trio.sleep({"moment": 2.0, "while": 150.0, "hour": 4000.0}[kind])
        else:
            before = world.everywhere()
            world.deed(kind, a, b)
            world.dead |= before - world.everywhere()
            world.note_doubles()
            if (upstream := world.repaired) is not None:
                await trio.sleep(3)
                upstream.down, world.repaired = False, None
    return ""


async def lives(world: World, directory: Path, deeds: list[Deed]) -> None:
    offset = START
    while True:
        how = ""
        try:
            async with living(directory, world.upstreams, *DEVICES, offset=offset) as house:
                house.undo_window = 50
                how = await live(world, house, deeds)
                if how == "crash":
                    with striking(1 + len(deeds) % 7):
                        await live(world, house, [deed for deed in deeds[:6] if deed[0] not in {"stop", "crash"}])
                        await trio.sleep(100)
        except* (Crash, StoreUnavailable):
            # Who waited for the store when it crashed is told so, before all is gone.
            assert how == "crash"
        offset = START + trio.current_time()
        if not how:
            return
        if how == "crash":
            del deeds[:6]


async def through(world: World, deeds: list[Deed]) -> None:
    directory = Path(tempfile.mkdtemp(prefix="popbridge-model-"))
    try:
        await lives(world, directory, deeds)
        await afterwards(world, directory)
    finally:
        shutil.rmtree(directory)


async def afterwards(world: World, directory: Path) -> None:
    """When all is calm again, devices are shown what they should be, and nothing is lost upstream."""
    for upstream in world.upstreams.values():
        upstream.down = False
        upstream.told()
    async with living(directory, world.upstreams, *DEVICES, offset=START + trio.current_time()) as house:
        await trio.sleep(8000)
        for each in DEVICES:
            shown = await house.log_in(each.name)
            world.shown(shown, house)
            assert "?" not in shown.names, f"{each.name} is shown what is not there"
            seen = world.seen[each.name]
            hidden = seen.deleted_names | {seen.names.get(uidl, "?") for uidl in seen.doubtful}
            missing = set(world.within(each)) - set(shown.names) - hidden
            assert not missing, f"{each.name} is not shown {missing}"
        lost = set(world.born) - world.everywhere() - world.dead - world.dying
        assert not lost, f"lost upstream: {lost}"


SEEN: tuple[Deed, ...] = (
    ("deliver", 0, 3),
    ("deliver", 1, 3),
    ("deliver", 2, 3),
    ("while", 0, 0),
    ("session", 0, 1),
    ("session", 1, 2),
)
AGAIN: tuple[Deed, ...] = (("while", 0, 0), ("session", 0, 1), ("session", 1, 1), ("session", 3, 1))


def after(*deeds: Deed) -> list[Deed]:
    """Give a life in which something happens between sessions of devices that saw it all."""
    return [*SEEN, *deeds, *AGAIN]


@example(False, False, False, after(("reuse", 0, 0)))
@example(True, False, True, after(("reuse", 0, 1)))
@example(False, True, True, after(("renumber", 1, 0), ("move", 0, 1)))
@example(False, False, False, after(("copy", 0, 0), ("moment", 0, 0), ("expunge", 0, 0)))
@example(False, False, False, after(("copy", 0, 0), ("while", 0, 0), ("session", 1, 0), ("expunge", 0, 0)))
@example(False, False, True, after(("copy", 0, 0), ("while", 0, 0), ("expunge", 0, 0)))
@example(False, False, True, after(("vanish", 0, 0), ("hour", 0, 0), ("return", 0, 0)))
@example(False, False, True, after(("outage", 0, 0), ("renumber", 1, 0), ("stop", 0, 0), ("outage", 0, 0)))
@example(False, False, True, after(("crash", 0, 0), ("deliver", 0, 0), ("session", 0, 3), ("renumber", 1, 0)))
@example(
    True,
    False,
    False,
    [
        *(("deliver", 31, 37), ("while", 18, 20), ("crash", 15, 22), ("vanish", 17, 18), ("reuse", 4, 8)),
        *(("return", 40, 23), ("session", 25, 37), ("drop", 34, 22), ("session", 38, 14), ("session", 4, 28)),
    ],
)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.booleans(), st.booleans(), st.booleans(), st.lists(DEEDS, max_size=40))
def test_lives(providers: bool, modseqs: bool, notifies: bool, deeds: list[Deed]) -> None:
    trio.run(through, World(providers, modseqs, notifies), list(deeds), clock=MockClock(autojump_threshold=0))
