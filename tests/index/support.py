"""A household for tests of the index: accounts in memory, a real store, and devices that come and go."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import trio

from bridge.index import DeviceMaildrops, IndexedAccount, IntentRunner
from bridge.index.ports import Content
from bridge.index.spooled import Reading
from bridge.maildrop import Maildrop, update_plan
from bridge.model.devices import Admission
from bridge.model.names import AccountId, DeviceId, MsgNum, SessionId
from bridge.model.places import Location
from bridge.model.secret import Secret
from bridge.model.settings import AccountSettings, DeviceSettings, OnDelete, Source
from bridge.store import Store, inline, open_store
from tests.index.upstream import FakeUpstream

START = 2_000_000_000.0
"""When tests begin, in Unix seconds."""


def account(name: str, mailboxes: tuple[str, ...] = ("INBOX",), poll_interval: float = 60) -> AccountSettings:
    """Give an account's settings."""
    secret = Secret("secret")
    plain = AccountSettings(AccountId(name), name, "127.0.0.1", 143, "none", name, secret)
    return replace(plain, mailboxes=mailboxes, poll_interval=poll_interval)


def device(name: str, *sources: str, on_delete: OnDelete = "hide") -> DeviceSettings:
    """Give a device's settings; `sources` are `ACCOUNT/MAILBOX`. Others are set with `dataclasses.replace`."""
    places = tuple(Source(AccountId(source.partition("/")[0]), source.partition("/")[2]) for source in sources)
    return DeviceSettings(DeviceId(name), name, name, Secret("secret"), places, on_delete=on_delete)


async def at_once(deciding: Callable[[], Admission]) -> Admission:
    """Decide in this task."""
    await trio.lowlevel.checkpoint()
    return deciding()


@dataclass
class Shown:
    """One session of a device: what it was shown, and what it does."""

    house: "House"
    settings: DeviceSettings
    session: SessionId
    maildrop: Maildrop

    @property
    def uidls(self) -> list[str]:
        """The unique-ids in the order of message-numbers."""
        return list(self.maildrop.uidls[0 : len(self.maildrop)])

    @property
    def places(self) -> list[Location]:
        """Where each message lies upstream."""
        return [self.maildrop.location(MsgNum(num)) for num in range(1, len(self.maildrop) + 1)]

    @property
    def names(self) -> list[str]:
        """Who each message is, as its account knows it; `?` where the account has it no more."""
        return [self.house.name_at(place) for place in self.places]

    async def quit(self, *deleted: int, sent: tuple[int, ...] = ()) -> None:
        """QUIT, with what was deleted and sent in the session."""
        plan = update_plan(
            self.settings,
            self.session,
            self.maildrop,
            deleted=[MsgNum(num) for num in deleted],
            sent=[MsgNum(num) for num in sent],
            at=self.house.now(),
            undo_window=self.house.undo_window,
            electorate=tuple(self.house.devices),
        )
        if not plan.empty:
            await self.house.maildrops.update(plan)


@dataclass
class House:
    """One life of the index on a state directory. `upstreams` outlive it."""

    store: Store
    upstreams: Mapping[str, FakeUpstream]
    devices: dict[DeviceId, DeviceSettings]
    accounts: dict[AccountId, IndexedAccount] = field(default_factory=dict)
    undo_window: float = 3600
    sessions: int = 0
    spool: tuple[int, float] | None = None
    offset: float = START

    def now(self) -> float:
        """Unix seconds, driven by Trio's clock."""
        return self.offset + trio.current_time()

    def settings(self, name: str) -> AccountSettings:
        """An account's settings; `spool` has the octets and the seconds that it keeps messages for."""
        if self.spool is None:
            return account(name)
        octets, seconds = self.spool
        return replace(account(name), spool="ahead", spool_max=octets, spool_age=seconds)

    async def start(self, nursery: trio.Nursery) -> None:
        """Take up the state and start the accounts' tasks."""
        await self.store.register([AccountId(name) for name in self.upstreams], self.devices)
        await self.store.spool.apply(map(self.settings, self.upstreams))
        names: dict[AccountId, dict[str, object]] = {}
        for (owner, selector), mailbox in (await self.store.load_selectors()).items():
            names.setdefault(owner, {})[selector] = mailbox
        states = {one.key: (one.state, one.uidvalidity) for one in await self.store.load_mailboxes()}
        suspicions = await self.store.load_suspicions()
        for name, upstream in self.upstreams.items():
            searches = self._searches(name)
            index = IndexedAccount(
                self.settings(name), searches, upstream, self.store, searches, self.now, self.store.spool
            )
            await index.load(names.get(index.settings.id, {}), states, suspicions)  # type: ignore[arg-type]
            self.accounts[index.settings.id] = index
        self.intents = IntentRunner(self.accounts, self.store, self.now, self._count_votes)
        self.maildrops = DeviceMaildrops(
            self.accounts, self.store, self.intents, Reading(self._read, self.store.spool), 5, self.now, at_once
        )
        await self.maildrops.load(self.devices)
        for index in self.accounts.values():
            nursery.start_soon(index.run)
        nursery.start_soon(self.intents.run)
        nursery.start_soon(self.maildrops.leftovers.run)
        nursery.start_soon(self.store.spool.run)

    async def _count_votes(self) -> None:
        await self.store.evaluate_votes(list(self.devices), self.now() + self.undo_window)

    def _searches(self, name: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for one in self.devices.values():
            for source in one.sources:
                if source.account == name:
                    keys = found.setdefault(source.mailbox, [])
                    keys += [one.search] if one.search else []
        return found or {"INBOX": []}

    def _read(self, location: Location, size: int, whole: bool) -> AbstractAsyncContextManager[Content]:
        return self.upstreams[location.key.account].read_later(location, size)

    def name_at(self, place: Location) -> str:
        """Who lies there now; `?` also where another one was put while nobody can be connected, and look."""
        upstream = self.upstreams[place.key.account]
        box = upstream.boxes.get(place.key.mailbox)
        if box is None or box.uidvalidity != place.uidvalidity or place.uid not in box.letters:
            return "?"
        if upstream.down and (place.key.mailbox, place.uid) in upstream.reused:
            return "?"
        return box.letters[place.uid].name

    async def log_in(self, name: str) -> Shown:
        """Open a device's maildrop. Raises `NotListedYet`."""
        settings = self.devices[DeviceId(name)]
        self.sessions += 1
        session = SessionId(f"s{self.sessions}.{self.offset:.0f}")
        return Shown(self, settings, session, await self.maildrops.open(settings, session))

    async def settle(self, seconds: float = 200) -> None:
        """Let the accounts catch up: several polls, and every cycle of a copy held back."""
        await trio.sleep(seconds)


@asynccontextmanager
async def living(
    directory: Path,
    upstreams: Mapping[str, FakeUpstream],
    *devices: DeviceSettings,
    offset: float = START,
    spool: tuple[int, float] | None = None,
) -> AsyncIterator[House]:
    """Run one life; leaving ends it as a stop would. To be used under `autojump_clock`."""
    clock: list[Callable[[], float]] = []
    async with open_store(directory, runner=inline, now=lambda: clock[0]()) as store:
        house = House(store, upstreams, {one.id: one for one in devices}, offset=offset, spool=spool)
        clock.append(house.now)
        async with trio.open_nursery() as nursery:
            await house.start(nursery)
            yield house
            nursery.cancel_scope.cancel()
