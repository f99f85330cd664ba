"""An upstream in memory, behind the ports of the index: what it has is plain data that tests change as other people's
mail programs would.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

import trio

from bridge.index.ports import Sink
from bridge.model.failures import (
    MailboxChanged,
    MailboxMissing,
    MessageGone,
    UpstreamError,
    UpstreamRefused,
    UpstreamUnavailable,
)
from bridge.model.names import MailboxName, ModSeq, Uid, UidValidity
from bridge.model.places import (
    Arrivals,
    ListedMessage,
    Location,
    MailboxKey,
    MailboxState,
    MeasuredMessage,
    Resynced,
    Since,
)
from bridge.model.update import BringBack, Intent, MovedTo
from tests.index.mailboxes import FakeContent, FakeMailbox, FakeSettled, Letter


async def _go_on(listed: int) -> None:
    await trio.lowlevel.checkpoint()


class FakeUpstream:
    """One account. `down` refuses connections and ends those there are, and what is promised hears of it after
    `patience` seconds; `providers` gives messages an EMAILID.

    `fetched` counts headers, `measured` bodies, `connections` how often a watcher connected. `modseqs` has it count
    its changes as CONDSTORE does. `uses` are mailboxes by what selects them, where that is not their name. `asked` is
    called after each state of a mailbox that was told, with its name: what happens then happens between two looks.
    `batch` is waited for before each batch of a listing, told how many messages came before it. `notifies` has it tell
    of changes in any mailbox, `pushes` of those in the open one; else it is asked. `questions` counts what a watcher
    asked, each question a round trip.
    """

    def __init__(
        self, name: str = "mail", *, providers: bool = False, modseqs: bool = False, notifies: bool = False
    ) -> None:
        self.name = name
        self.providers = providers
        self.modseqs = modseqs
        self.modseq = 1
        self.notifies = notifies
        self.qresync = modseqs
        self.resynced = 0
        self.pushes = True
        self.nearly_spent = False
        self.questions = 0
        self.boxes: dict[str, FakeMailbox] = {"INBOX": FakeMailbox()}
        self.down = False
        self.reused: set[tuple[str, int]] = set()
        self.patience = 0.0
        self.uses: dict[str, str] = {}
        self.found: dict[str, Callable[[Letter], bool]] = {}
        self.fetched = 0
        self.measured = 0
        self.listed = 0
        self.connections = 0
        self.caught_up = 0
        self.bodies: list[str] = []
        self.refused: set[str] = set()
        self.failing = 0
        self.carried_out: list[Intent] = []
        self.used: tuple[int, int] | None = None
        self.asked: Callable[[str], object] = lambda what: None
        self.batch: Callable[[int], Awaitable[object]] = _go_on
        self._news = trio.Event()

    # --- what other people's programs do

    def told(self) -> None:
        """Something changed: whoever waits hears of it."""
        self.noted()
        self._news.set()
        self._news = trio.Event()

    def noted(self) -> None:
        """Count what changed by now."""
        changed = sum(box.note(self.modseq + 1) for box in self.boxes.values())
        self.modseq += changed > 0

    def box(self, name: str = "INBOX") -> FakeMailbox:
        return self.boxes.setdefault(name, FakeMailbox())

    def deliver(self, *names: str, box: str = "INBOX", size: int = 100, date: int = 1_000_000) -> list[int]:
        uids = [self.box(box).add(Letter(name, size, date)) for name in names]
        self.told()
        return uids

    def add(self, letter: Letter, box: str = "INBOX") -> int:
        uid = self.box(box).add(letter)
        self.told()
        return uid

    def copy(self, uid: int, source: str, target: str) -> int:
        return self.add(self.boxes[source].letters[uid], target)

    def expunge(self, *uids: int, box: str = "INBOX") -> None:
        for uid in uids:
            del self.boxes[box].letters[uid]
        self.told()

    def move(self, uid: int, source: str, target: str) -> int:
        moved = self.box(target).add(self.boxes[source].letters.pop(uid))
        self.told()
        return moved

    def renumber(self, box: str = "INBOX") -> None:
        """The mailbox is deleted and made again with the same letters."""
        old = self.boxes[box]
        self.boxes[box] = FakeMailbox(old.uidvalidity + 1)
        for letter in old.letters.values():
            self.boxes[box].add(letter)
        self.told()

    def rename(self, box: str, name: str) -> None:
        """The mailbox has another name from now on."""
        self.boxes[name] = self.boxes.pop(box)
        self.told()

    def names(self, box: str = "INBOX") -> list[str]:
        return [letter.name for letter in self.boxes[box].letters.values()]

    # --- the ports

    def connected(self) -> None:
        if self.down:
            raise UpstreamUnavailable(self.name, f"account {self.name}: it is down")

    @asynccontextmanager
    async def watch(self) -> "AsyncIterator[FakeWatcher]":
        await trio.lowlevel.checkpoint()
        self.connected()
        self.connections += 1
        yield FakeWatcher(self)

    async def headers(
        self, key: MailboxKey, uidvalidity: UidValidity, uids: Sequence[Uid], sink: Callable[[Uid, bytes], None]
    ) -> None:
        await trio.lowlevel.checkpoint()
        self.connected()
        box = self._named(key.mailbox, uidvalidity)
        for uid in uids:
            if uid in box.letters:
                self.fetched += 1
                sink(uid, box.letters[uid].header)

    async def measure(
        self,
        key: MailboxKey,
        uidvalidity: UidValidity,
        sizes: Mapping[Uid, int],
        sink: Callable[[Uid, MeasuredMessage], None],
    ) -> None:
        await trio.lowlevel.checkpoint()
        self.connected()
        box = self._named(key.mailbox, uidvalidity)
        for uid in sizes:
            if uid in box.letters:
                self.measured += 1
                sink(uid, MeasuredMessage(box.letters[uid].size + 1, subject=True))

    async def gather(self, key: MailboxKey, uidvalidity: UidValidity, sizes: Mapping[Uid, int]) -> dict[Uid, bytes]:
        await trio.lowlevel.checkpoint()
        self.connected()
        box = self._named(key.mailbox, uidvalidity)
        found = {uid: box.letters[uid] for uid in sizes if uid in box.letters}
        found = {uid: letter for uid, letter in found.items() if letter.name not in self.refused}
        if self.failing:
            self.failing -= 1
            raise UpstreamUnavailable(self.name, f"account {self.name}: it closed the connection")
        self.bodies += [letter.name for letter in found.values()]
        return {uid: letter.body for uid, letter in found.items()}

    @asynccontextmanager
    async def read_later(self, location: Location, size: int) -> "AsyncIterator[FakeContent]":
        await trio.lowlevel.checkpoint()
        self.connected()
        box = self._named(location.key.mailbox, location.uidvalidity)
        if location.uid not in box.letters:
            raise MessageGone(self.name, f"account {self.name}: UID {location.uid} is no longer there")
        if box.letters[location.uid].name in self.refused:
            raise UpstreamRefused(self.name, f"account {self.name}: it will not give UID {location.uid}")
        if self.failing:
            self.failing -= 1
            raise UpstreamUnavailable(self.name, f"account {self.name}: it closed the connection")
        body = box.letters[location.uid].body
        self.bodies.append(box.letters[location.uid].name)
        yield FakeContent([body[at : at + 65_536] for at in range(0, len(body), 65_536)])

    async def carry_out(self, intent: Intent, copied: Callable[[MovedTo], Awaitable[None]]) -> FakeSettled:
        await trio.sleep(self.patience if self.down else 0)
        self.connected()
        place = intent.location
        box = self.boxes.get(place.key.mailbox)
        if box is None or box.uidvalidity != place.uidvalidity:
            return FakeSettled("elsewhere", "numbered anew")
        if place.uid not in box.letters:
            return FakeSettled("gone")
        if box.letters[place.uid].size != intent.size:
            return FakeSettled("refused", "another size")
        self.carried_out.append(intent)
        moved = None
        if intent.action in {"archive", "trash"}:
            target = {"archive": "Archive", "trash": "Trash"}[intent.action]
            uid = self.move(place.uid, place.key.mailbox, target)
            moved = MovedTo(MailboxName(target), UidValidity(self.boxes[target].uidvalidity), Uid(uid))
        elif intent.action == "expunge":
            self.expunge(place.uid, box=place.key.mailbox)
        return FakeSettled("done", intent.action, moved)

    async def bring_back(self, what: BringBack) -> FakeSettled:
        await trio.lowlevel.checkpoint()
        self.connected()
        box = self.boxes.get(what.moved.mailbox)
        if box is None or what.moved.uid not in box.letters:
            return FakeSettled("gone")
        self.move(what.moved.uid, what.moved.mailbox, what.source.mailbox)
        return FakeSettled("done")

    def _named(self, name: str, uidvalidity: int) -> FakeMailbox:
        box = self.boxes.get(name)
        if box is None:
            raise MailboxMissing(self.name, f"account {self.name}: there is no mailbox {name}")
        if box.uidvalidity != uidvalidity:
            raise MailboxChanged(self.name, f"account {self.name}: {name} was numbered anew")
        return box


class FakeWatcher:
    """The watcher's connection."""

    def __init__(self, upstream: FakeUpstream) -> None:
        self._upstream = upstream
        self._open = ""
        self._seen = (0, 0, 0)
        self._followed: dict[MailboxName, tuple[int, int, int]] = {}
        self._asking: set[MailboxName] = set()
        self._asked = trio.Event()
        self._news: dict[MailboxName, MailboxState | UpstreamError] = {}
        self.changed = False
        self.arrived: Arrivals | None = None
        self.resynced: Resynced | None = None
        self.asked = trio.current_time()

    @property
    def last_heard(self) -> float:
        return trio.current_time()

    async def _box(self, name: str) -> FakeMailbox:
        await trio.lowlevel.checkpoint()
        self._upstream.questions += 1
        self._upstream.connected()
        if name not in self._upstream.boxes:
            raise MailboxMissing(self._upstream.name, f"account {self._upstream.name}: there is no mailbox {name}")
        return self._upstream.boxes[name]

    def _state(self, box: FakeMailbox) -> MailboxState:
        self._upstream.noted()
        modseq = self._upstream.modseq if self._upstream.modseqs else 0
        return MailboxState(UidValidity(box.uidvalidity), Uid(box.uidnext), len(box.letters), ModSeq(modseq))

    async def resolve(self, selector: str) -> MailboxName:
        name = self._upstream.uses.get(selector, selector)
        await self._box(name)
        return MailboxName(name)

    async def examine(self, mailbox: MailboxName) -> MailboxState:
        box = await self._box(mailbox)
        self._open, self.asked = mailbox, trio.current_time()
        self._seen = _numbers(box)
        return self._told(mailbox, box)

    async def resync(self, mailbox: MailboxName, since: Since, *, headers: bool = False) -> Resynced:
        known, first = since
        state = await self.examine(mailbox)
        box = self._upstream.boxes[mailbox]
        if not self._upstream.qresync or not known.modseq or state.uidvalidity != known.uidvalidity:
            return Resynced(state)
        vanished = frozenset(uid for uid, at in box.gone.items() if at > known.modseq and uid not in box.letters)
        new = {Uid(uid) for uid, at in box.changes.items() if at > known.modseq} | {Uid(uid) for uid in box.letters}
        rows = tuple(
            self._row(uid, box.letters[uid])
            for uid in sorted(new)
            if uid in box.letters and uid < state.uidnext and (uid >= first or box.changes[uid] > known.modseq)
        )
        self._upstream.resynced += 1
        told = {row.uid: box.letters[row.uid].header for row in rows if headers and row.uid >= known.uidnext}
        self._upstream.fetched += len(told)
        return Resynced(state, True, first, vanished, rows, told)

    async def status(self, mailbox: MailboxName) -> MailboxState:
        return self._told(mailbox, await self._box(mailbox))

    def _told(self, mailbox: str, box: FakeMailbox) -> MailboxState:
        state = self._state(box)
        self._upstream.asked(mailbox)
        return state

    async def states(self, mailboxes: Sequence[MailboxName]) -> dict[MailboxName, MailboxState | UpstreamError]:
        found: dict[MailboxName, MailboxState | UpstreamError] = {}
        for mailbox in mailboxes:
            try:
                found[mailbox] = await self.status(mailbox)
            except MailboxMissing as failure:
                found[mailbox] = failure
        return found

    async def _opened(self) -> FakeMailbox:
        box = await self._box(self._open)
        if box.uidvalidity != self._seen[0]:
            raise MailboxChanged(self._upstream.name, f"account {self._upstream.name}: numbered anew")
        return box

    async def list_messages(self, first: Uid, sink: Sink) -> None:
        box = await self._opened()
        rows = [
            ListedMessage(Uid(uid), each.size, each.date, f"emailid:{each.name}" if self._upstream.providers else "")
            for uid, each in sorted(box.letters.items())
            if uid >= first
        ]
        for at in range(0, len(rows), 1000):
            await self._upstream.batch(at)
            self._upstream.connected()
            self._upstream.listed += len(rows[at : at + 1000])
            await sink(rows[at : at + 1000])

    @property
    def messages(self) -> int:
        return len(self._upstream.boxes[self._open].letters)

    async def all_uids(self) -> Iterable[int]:
        return sorted((await self._opened()).letters)

    async def headers(self, uids: Sequence[Uid], sink: Callable[[Uid, bytes], None]) -> None:
        box = await self._opened()
        for uid in uids:
            if uid in box.letters:
                self._upstream.fetched += 1
                sink(uid, box.letters[uid].header)

    async def search(self, key: str, first: Uid) -> Iterable[int]:
        box = await self._opened()
        wanted = self._upstream.found[key]
        return [uid for uid, letter in sorted(box.letters.items()) if uid >= first and wanted(letter)]

    async def quota(self) -> tuple[int, int] | None:
        await trio.lowlevel.checkpoint()
        return self._upstream.used

    # --- news

    async def follow(self, mailboxes: Sequence[MailboxName]) -> dict[MailboxName, MailboxState | UpstreamError]:
        others = [mailbox for mailbox in mailboxes if mailbox != self._open]
        if self._upstream.notifies:
            self._followed = {name: _numbers(self._upstream.boxes.get(name)) for name in mailboxes}
        return await self.states(others)

    def pushed(self, mailbox: MailboxName) -> bool:
        return mailbox in self._followed or (mailbox == self._open and self._upstream.pushes)

    def ask(self, mailboxes: Iterable[MailboxName]) -> None:
        self._asking.update(mailboxes)
        self._asked.set()

    def take_news(self) -> dict[MailboxName, MailboxState | UpstreamError]:
        news, self._news = self._news, {}
        return news

    async def wait(self, seconds: float, known: Mapping[MailboxName, Since] | None = None) -> bool:
        self.arrived, self.resynced, self.changed = None, None, False
        until = trio.current_time() + seconds
        while True:
            news, self._asked = self._upstream._news, trio.Event()
            self._upstream.connected()
            if self._asking:
                self._news |= await self.states(sorted(self._asking))
                self._asking.clear()
            await self._hear(known or {})
            if self._news or self.arrived:
                return True
            if trio.current_time() >= until:
                return False
            await self._either(news, self._asked, until)

    async def _either(self, news: trio.Event, asked: trio.Event, until: float) -> None:
        """Wait for something to be told, for somebody to ask, or for the time to ask anyway."""

        async def end(event: trio.Event) -> None:
            await event.wait()
            nursery.cancel_scope.cancel()

        with trio.move_on_at(until if self._upstream.pushes else min(until, self.asked + 60)):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(end, asked)
                if self._upstream.pushes or self._followed:
                    nursery.start_soon(end, news)
        if not self._upstream.pushes and trio.current_time() >= self.asked + 60:
            self.asked = trio.current_time()

    async def _hear(self, known: Mapping[MailboxName, Since]) -> None:
        box = self._upstream.boxes.get(self._open)
        if box is None:
            raise UpstreamUnavailable(self._upstream.name, f"account {self._upstream.name}: the open mailbox went")
        told = self._upstream.pushes or self._open in self._followed or self.asked == trio.current_time()
        if told and _numbers(box) != self._seen:
            await self._catch_up(box, known.get(MailboxName(self._open)))
        for name, before in self._followed.items():
            other = self._upstream.boxes.get(name)
            if name != self._open and other is not None and _numbers(other) != before:
                self._followed[name] = _numbers(other)
                self._news[name] = self._state(other)

    async def _catch_up(self, box: FakeMailbox, since: Since | None) -> None:
        self.changed = True
        first = None if since is None else since.state.uidnext
        new = {Uid(uid): each for uid, each in sorted(box.letters.items()) if first is not None and uid >= first}
        if not new or box.uidvalidity != self._seen[0] or self._seen[2] + len(new) != len(box.letters):
            self._news[MailboxName(self._open)] = self._state(box)
            if since is not None and self._upstream.qresync and since.state.modseq:
                self.resynced = await self.resync(MailboxName(self._open), since, headers=True)
            return
        self._seen = _numbers(box)
        rows = tuple(self._row(uid, each) for uid, each in new.items())
        self._upstream.fetched += len(rows)
        self._upstream.caught_up += 1
        self.arrived = Arrivals(self._state(box), rows, {uid: each.header for uid, each in new.items()})

    def _row(self, uid: Uid, letter: Letter) -> ListedMessage:
        return ListedMessage(
            uid, letter.size, letter.date, f"emailid:{letter.name}" if self._upstream.providers else ""
        )


def _numbers(box: FakeMailbox | None) -> tuple[int, int, int]:
    return (0, 0, 0) if box is None else (box.uidvalidity, box.uidnext, len(box.letters))
