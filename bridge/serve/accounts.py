"""The accounts that run, and how a reload changes them."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio

from bridge.index import IndexedAccount, StoredState
from bridge.model.failures import UpstreamUnavailable
from bridge.model.names import AccountId, MailboxName
from bridge.model.places import MailboxKey, Suspicion
from bridge.model.settings import AccountSettings, Settings
from bridge.net import run_guarded
from bridge.oauth import Keeper
from bridge.serve.keepers import Keepers
from bridge.serve.upkeep import Upkeep
from bridge.store import Store
from bridge.telemetry import get_logger
from bridge.upstream import Account, Stock

log = get_logger("serve")

RETIREMENT = 60.0
"""Seconds that a changed account's old connections live on, for messages that are on their way to devices."""


@dataclass(slots=True)
class Running:
    """An account that runs. `following`: its mailboxes are watched. `over` is set while nobody watches them."""

    wanted: "_Wanted"
    upstream: Account
    index: IndexedAccount
    connecting: trio.CancelScope
    indexing: trio.CancelScope
    over: trio.Event
    following: bool = False


class RunningAccounts:
    """Owns every account's tasks. `indexed` is shared: rooms behind it see a reload at once."""

    def __init__(self, store: Store, nursery: trio.Nursery, now: Callable[[], float]) -> None:
        self.indexed: dict[AccountId, IndexedAccount] = {}
        self._store = store
        self._nursery = nursery
        self._now = now
        self._running: dict[AccountId, Running] = {}
        self._stock = Stock()
        self.upkeep = Upkeep(store, now)
        self._going = trio.Event()
        self._keepers = Keepers(store, nursery, now, self._going)
        self._changing = trio.Lock()

    def go(self) -> None:
        """Let accounts connect. Before, everything is taken up from the database, which 500 of them would slow down."""
        self._going.set()

    def upstream(self, account: AccountId) -> Account:
        """Give an account's connections. Raises `UpstreamUnavailable` for one that a reload took away."""
        if (running := self._running.get(account)) is None:
            raise UpstreamUnavailable(account, f"account {account} is not in the configuration any more")
        return running.upstream

    def keeper(self, account: AccountId) -> Keeper | None:
        """Give what keeps an account's token, None where it signs in otherwise."""
        return self._keepers.get(account)

    def signed_in(self, account: AccountId) -> None:
        """Somebody signed in for an account, and that was kept: sign in with it at once. Waits for nothing."""
        if (keeper := self._keepers.get(account)) is not None:
            keeper.signed_in()
        self._sign_in_again(account)

    def retry(self, account: AccountId) -> None:
        """Have an account tried again, whatever was refused. Waits for nothing."""
        if (keeper := self._keepers.get(account)) is not None:
            keeper.try_again()
        self._sign_in_again(account)

    def _sign_in_again(self, account: AccountId) -> None:
        if (running := self._running.get(account)) is not None:
            running.upstream.sign_in_again()
            running.index.look_again()

    def running(self, account: AccountId) -> Running | None:
        """Give an account that runs, None for one that does not."""
        return self._running.get(account)

    async def apply(self, settings: Settings, spooling: Iterable[AccountSettings] | None = None) -> None:
        """Start what is new, replace what changed, retire what is gone; what did not change goes on untouched.

        `spooling` are the accounts whose messages on disk stay, where that is not those of the settings alone.
        """
        async with self._changing:
            await self._apply(settings, spooling)

    async def _apply(self, settings: Settings, spooling: Iterable[AccountSettings] | None) -> None:
        wanted = {account: _wanted(settings, account) for account in settings.accounts}
        await self._store.register(settings.accounts, settings.devices)
        for account in list(self._running):
            if account not in wanted:
                self.retire(account)
                await self._keepers.retire(account)
        for account in self._keepers.try_again():
            self._sign_in_again(account)
        await self._store.spool.apply(settings.accounts.values() if spooling is None else spooling)
        stored = await self._stored()
        for account, one in wanted.items():
            before = self._running.get(account)
            if before is not None and before.wanted == one:
                continue
            await self._take_up(await self._made(one), stored)

    # --- one account, of those that logins pass through to

    async def start(self, settings: Settings, account: AccountId) -> None:
        """Run an account, whatever its server says of its password later. Waits for the database alone."""
        async with self._changing:
            if account not in self._running:
                await self._take_up(await self._made(_wanted(settings, account)), await self._stored())

    @asynccontextmanager
    async def proven(self, settings: Settings, account: AccountId) -> AsyncIterator[Running]:
        """Sign in to an account beside whatever runs of it. Raises `UpstreamError`s. What was not given to `install`
        when the block ends is closed.
        """
        running = await self._make(_wanted(settings, account))
        await self._nursery.start(self._connect, running)
        try:
            await running.upstream.prove()
            yield running
        finally:
            if self._running.get(account) is not running:
                running.connecting.cancel()
            if account not in self._running:
                self.upkeep.let_go(account)

    async def install(self, running: Running) -> None:
        """Have an account that was proven run, in place of what ran of it."""
        async with self._changing:
            await self._take_up(running, await self._stored(), connected=True)
            changed = self.upkeep.refusals(running.wanted.settings)
            changed(None)
            running.upstream.keep_refusals(None, changed)

    def follow(self, account: AccountId) -> None:
        """Watch an account's mailboxes from now on, if that is not done."""
        running = self._running[account]
        if not running.following:
            running.following = True
            before, running.over, running.indexing = running.over, trio.Event(), trio.CancelScope()
            self._nursery.start_soon(self._index, running, running.indexing, before, running.over)

    def rest(self, account: AccountId) -> None:
        """Watch an account's mailboxes no longer. What is known of them stays; connections close when they are idle."""
        running = self._running[account]
        running.following = False
        running.indexing.cancel()

    def retire(self, account: AccountId) -> None:
        """Run an account no longer. What is on its way to devices has a minute left."""
        self._retire(self._running.pop(account))
        del self.indexed[account]

    async def _stored(self) -> "_Stored":
        names: dict[AccountId, dict[str, MailboxName]] = {}
        for (account, selector), mailbox in (await self._store.load_selectors()).items():
            names.setdefault(account, {})[selector] = mailbox
        states = {one.key: (one.state, one.uidvalidity) for one in await self._store.load_mailboxes()}
        return _Stored(names, states, await self._store.load_suspicions())

    async def _make(self, wanted: "_Wanted") -> Running:
        settings = wanted.settings
        usage, tokens = self.upkeep.usage(settings), await self._keepers.ready(settings, wanted.timeout)
        quiet = self.upkeep.quiet(settings)
        upstream = Account(settings, timeout=wanted.timeout, stock=self._stock, usage=usage, tokens=tokens, quiet=quiet)
        index = IndexedAccount(
            settings, wanted.searches, upstream, self._store, wanted.searches, self._now, self._store.spool
        )
        over = trio.Event()
        over.set()
        return Running(wanted, upstream, index, trio.CancelScope(), trio.CancelScope(), over)

    async def _made(self, wanted: "_Wanted") -> Running:
        """Make an account that keeps to what its server refused before."""
        running = await self._make(wanted)
        settings = wanted.settings
        running.upstream.keep_refusals(await self.upkeep.known_refusal(settings), self.upkeep.refusals(settings))
        return running

    async def _take_up(self, running: Running, stored: "_Stored", *, connected: bool = False) -> None:
        """Have an account run from what the database has of it, in place of what ran of it before."""
        account = running.wanted.settings.id
        await running.index.load(stored.names.get(account, {}), stored.states, stored.suspicions)
        if not connected:
            await self._nursery.start(self._connect, running)
        before = self._running.get(account)
        self._running[account], self.indexed[account] = running, running.index
        if before is not None:
            self._retire(before)
        self.follow(account)

    async def _connect(self, running: Running, task_status: "trio.TaskStatus[None]" = trio.TASK_STATUS_IGNORED) -> None:
        with running.connecting:
            await running.upstream.run(task_status)

    async def _index(self, running: Running, scope: trio.CancelScope, before: trio.Event, over: trio.Event) -> None:
        try:
            with trio.CancelScope(shield=True):
                await before.wait()  # an account has one watcher
            with scope:
                await self._going.wait()
                await run_guarded(f"account {running.wanted.settings.name}", running.index.run)
        finally:
            over.set()

    def _retire(self, running: Running) -> None:
        running.upstream.keep_refusals(None, lambda refusal: None)
        running.indexing.cancel()
        running.connecting.deadline = trio.current_time() + RETIREMENT


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What an account runs with; another of these means another run. `searches` has every mailbox that is read, as it
    is selected, with the search keys of the devices that read it.
    """

    settings: AccountSettings
    searches: Mapping[str, Sequence[str]]
    timeout: float


@dataclass(frozen=True, slots=True)
class _Stored:
    names: Mapping[AccountId, Mapping[str, MailboxName]]
    states: Mapping[MailboxKey, StoredState]
    suspicions: Sequence[Suspicion]


def _wanted(settings: Settings, account: AccountId) -> _Wanted:
    """Give every mailbox that is to be listed: the account's own, and what devices read of it."""
    searches: dict[str, list[str]] = {selector: [] for selector in settings.accounts[account].mailboxes}
    for device in settings.devices.values():
        for source in device.sources:
            if source.account == account:
                keys = searches.setdefault(source.mailbox, [])
                if device.search and device.search not in keys:
                    keys.append(device.search)
    return _Wanted(settings.accounts[account], searches, settings.server.upstream_timeout)
