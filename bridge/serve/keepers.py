"""The keepers of accounts that sign in by token, over reloads."""

from collections.abc import Callable
from dataclasses import dataclass

import trio

from bridge.model.names import AccountId
from bridge.model.settings import AccountSettings
from bridge.net import run_guarded
from bridge.oauth import Keeper
from bridge.serve.tokens import token_source
from bridge.store import Store


@dataclass(slots=True)
class _Kept:
    """A keeper, what it was made of, and what ends its task."""

    keeper: Keeper
    made_of: tuple[object, ...]
    running: trio.CancelScope


class Keepers:
    """One keeper for each such account, and no two of one: an authorization server that sees a refresh token twice
    takes all of a sign-in back. They begin to work when `going` is set.
    """

    def __init__(self, store: Store, nursery: trio.Nursery, now: Callable[[], float], going: trio.Event) -> None:
        self._store = store
        self._nursery = nursery
        self._now = now
        self._going = going
        self._kept: dict[AccountId, _Kept] = {}

    def get(self, account: AccountId) -> Keeper | None:
        """Give an account's keeper, None where it signs in otherwise."""
        kept = self._kept.get(account)
        return kept.keeper if kept else None

    async def ready(self, settings: AccountSettings, timeout: float) -> Keeper | None:
        """Give the keeper for an account as it is configured now. One that has to go ends its refresh first: waits, at
        most as long as that may take.
        """
        made_of = (settings.name, settings.oauth, timeout)
        before = self._kept.get(settings.id)
        if before is not None and before.made_of == made_of:
            return before.keeper
        await self.retire(settings.id)
        keeper = token_source(settings, timeout, self._store, self._now)
        if keeper is None:
            return None
        kept = _Kept(keeper, made_of, trio.CancelScope())
        self._kept[settings.id] = kept
        self._nursery.start_soon(self._run, settings.name, kept)
        return keeper

    async def retire(self, account: AccountId) -> None:
        """End an account's keeper, if it has one; it gives the token that it has to connections that live on."""
        if (kept := self._kept.pop(account, None)) is not None:
            kept.running.cancel()
            await kept.keeper.retire()

    def try_again(self) -> list[AccountId]:
        """Have all that was in trouble tried again: the configuration may have mended it. Gives which those are."""
        troubled = [account for account, kept in self._kept.items() if kept.keeper.state.problem]
        for account in troubled:
            self._kept[account].keeper.try_again()
        return troubled

    async def _run(self, name: str, kept: _Kept) -> None:
        with kept.running:
            await self._going.wait()
            await run_guarded(f"token of account {name}", kept.keeper.run)
