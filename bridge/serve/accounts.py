"""The accounts that run, and how a reload changes them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import trio

from bridge.index import IndexedAccount
from bridge.model.names import AccountId, MailboxName
from bridge.model.places import MailboxKey, MailboxState
from bridge.model.settings import AccountSettings, Settings
from bridge.net import run_guarded
from bridge.store import Store
from bridge.telemetry import get_logger
from bridge.upstream import Account

log = get_logger("serve")

RETIREMENT = 60.0
"""Seconds that a changed account's old connections live on, for messages that are on their way to devices."""


@dataclass(slots=True)
class _Running:
    settings: AccountSettings
    selectors: tuple[str, ...]
    timeout: float
    upstream: Account
    index: IndexedAccount
    indexing: trio.CancelScope
    connecting: trio.CancelScope


class RunningAccounts:
    """Owns every account's tasks. `indexed` is shared: rooms behind it see a reload at once."""

    def __init__(self, store: Store, nursery: trio.Nursery) -> None:
        self.indexed: dict[AccountId, IndexedAccount] = {}
        self._store = store
        self._nursery = nursery
        self._running: dict[AccountId, _Running] = {}

    def upstream(self, account: AccountId) -> Account:
        """Give an account's connections."""
        return self._running[account].upstream

    async def apply(self, settings: Settings) -> None:
        """Start what is new, replace what changed, retire what is gone; what did not change goes on untouched."""
        wanted = {account: _selectors(settings, account) for account in settings.accounts}
        await self._store.register(settings.accounts, settings.devices)
        names, states = await self._stored()
        for account in list(self._running):
            if account not in wanted:
                self._retire(self._running.pop(account))
                del self.indexed[account]
        for account, one in settings.accounts.items():
            before = self._running.get(account)
            now = (one, wanted[account], settings.server.upstream_timeout)
            if before is not None and now == (before.settings, before.selectors, before.timeout):
                before.upstream.sign_in_again()
                continue
            running = await self._start(one, wanted[account], settings.server.upstream_timeout, names, states)
            self._running[account], self.indexed[account] = running, running.index
            if before is not None:
                self._retire(before)

    async def _stored(self) -> "tuple[_Names, _States]":
        names: _Names = {}
        for (account, selector), mailbox in (await self._store.load_selectors()).items():
            names.setdefault(account, {})[selector] = mailbox
        return names, {stored.key: stored.state for stored in await self._store.load_mailboxes()}

    async def _start(
        self, one: AccountSettings, selectors: tuple[str, ...], timeout: float, names: "_Names", states: "_States"
    ) -> _Running:
        upstream = Account(one, timeout=timeout)
        index = IndexedAccount(one, selectors, upstream, self._store)
        await index.load(names.get(one.id, {}), states)
        running = _Running(one, selectors, timeout, upstream, index, trio.CancelScope(), trio.CancelScope())
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
            await run_guarded(f"account {running.settings.name}", running.index.run)

    def _retire(self, running: _Running) -> None:
        running.indexing.cancel()
        running.connecting.deadline = trio.current_time() + RETIREMENT


_Names = dict[AccountId, dict[str, MailboxName]]
_States = Mapping[MailboxKey, MailboxState | None]


def _selectors(settings: Settings, account: AccountId) -> tuple[str, ...]:
    """Give every mailbox that is to be listed: the account's own, and what devices read of it."""
    read: Iterable[str] = (
        source.mailbox for device in settings.devices.values() for source in device.sources if source.account == account
    )
    return tuple(dict.fromkeys([*settings.accounts[account].mailboxes, *read]))
