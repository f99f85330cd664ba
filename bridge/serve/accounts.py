"""The accounts that run, and how a reload changes them."""

from collections.abc import Callable, Mapping, Sequence
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
class _Running:
    wanted: "_Wanted"
    upstream: Account
    index: IndexedAccount
    indexing: trio.CancelScope
    connecting: trio.CancelScope


class RunningAccounts:
    """Owns every account's tasks. `indexed` is shared: rooms behind it see a reload at once."""

    def __init__(self, store: Store, nursery: trio.Nursery, now: Callable[[], float]) -> None:
        self.indexed: dict[AccountId, IndexedAccount] = {}
        self._store = store
        self._nursery = nursery
        self._now = now
        self._running: dict[AccountId, _Running] = {}
        self._stock = Stock()
        self.upkeep = Upkeep(store, now)
        self._going = trio.Event()
        self._keepers = Keepers(store, nursery, now, self._going)

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

    def _sign_in_again(self, account: AccountId) -> None:
        if (running := self._running.get(account)) is not None:
            running.upstream.sign_in_again()
            running.index.look_again()

    async def apply(self, settings: Settings) -> None:
        """Start what is new, replace what changed, retire what is gone; what did not change goes on untouched."""
        wanted = {account: _wanted(settings, account) for account in settings.accounts}
        await self._store.register(settings.accounts, settings.devices)
        for account in list(self._running):
            if account not in wanted:
                self._retire(self._running.pop(account))
                del self.indexed[account]
                await self._keepers.retire(account)
        for account in self._keepers.try_again():
            self._sign_in_again(account)
        await self._store.spool.apply(settings.accounts.values())
        stored = await self._stored()
        for account, one in wanted.items():
            before = self._running.get(account)
            if before is not None and before.wanted == one:
                continue
            running = await self._start(one, stored)
            self._running[account], self.indexed[account] = running, running.index
            if before is not None:
                self._retire(before)

    async def _stored(self) -> "_Stored":
        names: dict[AccountId, dict[str, MailboxName]] = {}
        for (account, selector), mailbox in (await self._store.load_selectors()).items():
            names.setdefault(account, {})[selector] = mailbox
        states = {one.key: (one.state, one.uidvalidity) for one in await self._store.load_mailboxes()}
        return _Stored(names, states, await self._store.load_suspicions())

    async def _start(self, wanted: "_Wanted", stored: "_Stored") -> _Running:
        settings = wanted.settings
        usage, tokens = self.upkeep.usage(settings), await self._keepers.ready(settings, wanted.timeout)
        upstream = Account(settings, timeout=wanted.timeout, stock=self._stock, usage=usage, tokens=tokens)
        upstream.keep_refusals(await self.upkeep.known_refusal(settings), self.upkeep.refusals(settings))
        index = IndexedAccount(
            settings, wanted.searches, upstream, self._store, wanted.searches, self._now, self._store.spool
        )
        await index.load(stored.names.get(settings.id, {}), stored.states, stored.suspicions)
        running = _Running(wanted, upstream, index, trio.CancelScope(), trio.CancelScope())
        await self._nursery.start(self._connect, running)
        self._nursery.start_soon(self._index, running)
        return running

    async def _connect(
        self, running: _Running, task_status: "trio.TaskStatus[None]" = trio.TASK_STATUS_IGNORED
    ) -> None:
        with running.connecting:
            await running.upstream.run(task_status)

    async def _index(self, running: _Running) -> None:
        with running.indexing:
            await self._going.wait()
            await run_guarded(f"account {running.wanted.settings.name}", running.index.run)

    def _retire(self, running: _Running) -> None:
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
