"""What is kept of accounts' servers over restarts: how much of them was used, and which passwords they refused. Over
reloads also how long they want to be left alone.
"""

from collections.abc import Callable

import trio

from bridge.model.failures import StoreError
from bridge.model.names import AccountId
from bridge.model.presets import preset_for
from bridge.model.secret import Secret
from bridge.model.settings import AccountSettings
from bridge.model.upkeep import Hours, Refusal
from bridge.store import Store
from bridge.telemetry import get_logger
from bridge.upstream import Quiet, Usage

log = get_logger("serve")

WRITE_SECONDS = 60.0
"""Between two writings: what a crash may forget. A refusal is written at once: crashes come in loops."""


class Upkeep:
    """Keeps it. `now` gives Unix seconds."""

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now
        self._known: dict[AccountId, Hours] = {}
        self._usage: dict[AccountId, Usage] = {}
        self._refusals: dict[AccountId, tuple[Secret, Refusal | None]] = {}
        self._quiet: dict[AccountId, tuple[tuple[str, Secret], Quiet]] = {}
        self._woken = trio.Event()
        self._failing = False

    async def load(self) -> None:
        """Take up what was used within the last day."""
        hours = await self._store.load_usage(int(self._now() // 3600) - 24)
        self._known.update(hours)

    def usage(self, settings: AccountSettings) -> Usage:
        """Give what counts an account's usage, from now on by the budget that it has in these settings."""
        preset = preset_for(settings.provider, settings.host)
        if settings.id not in self._usage:
            self._usage[settings.id] = Usage(now=self._now, known=self._known.pop(settings.id, None))
        usage = self._usage[settings.id]
        usage.budget = preset.daily_octets if preset is not None else 0
        return usage

    def quiet(self, settings: AccountSettings) -> Quiet:
        """Give what keeps to the pauses that an account's server asks for, whatever else of the account has changed."""
        same = (settings.name, _credential(settings))
        if settings.id not in self._quiet or self._quiet[settings.id][0] != same:
            self._quiet[settings.id] = (same, Quiet(settings.name))
        return self._quiet[settings.id][1]

    def let_go(self, account: AccountId) -> None:
        """Count nothing for an account any more that does not run, and never may."""
        self._usage.pop(account, None)
        self._quiet.pop(account, None)

    async def known_refusal(self, settings: AccountSettings) -> Refusal | None:
        """Give what is known against an account's user and password, whatever else has changed."""
        if settings.oauth is not None:
            return None
        waiting = self._refusals.get(settings.id)
        if waiting is not None and waiting[0] == _credential(settings):
            return waiting[1]
        return await self._store.load_refusal(settings.id, _credential(settings))

    def refusals(self, settings: AccountSettings) -> Callable[[Refusal | None], None]:
        """Give whom to tell of a refusal, or that there is none any more. Waits for nothing."""

        def changed(refusal: Refusal | None) -> None:
            if settings.oauth is None:
                self._refusals[settings.id] = (_credential(settings), refusal)
                self._woken.set()

        return changed

    async def run(self) -> None:
        """Write now and then, until cancelled."""
        while True:
            with trio.move_on_after(WRITE_SECONDS):
                await self._woken.wait()
            self._woken = trio.Event()
            await self.flush()

    async def flush(self) -> None:
        """Write what is not written yet. What cannot be is tried again."""
        try:
            await self._write_refusals()
            await self._write_usage()
            self._failing = False
        except StoreError as failure:
            if not self._failing:
                log.warning("upkeep.not_written", problem=str(failure))
            self._failing = True

    async def _write_refusals(self) -> None:
        for account, waiting in list(self._refusals.items()):
            credential, refusal = waiting
            if refusal is None:
                await self._store.forget_refusal(account)
            else:
                await self._store.save_refusal(account, credential, refusal)
            if self._refusals.get(account) is waiting:
                del self._refusals[account]

    async def _write_usage(self) -> None:
        taken = {account: hours for account, usage in self._usage.items() if (hours := usage.take())}
        if not taken:
            return
        written = False
        try:
            await self._store.add_usage(taken)
            written = True
        finally:
            if not written:
                for account, hours in taken.items():
                    self._usage[account].put_back(hours)


def _credential(settings: AccountSettings) -> Secret:
    """Give all that makes a sign-in another one: a refusal of one says nothing of the other."""
    words = (settings.host, str(settings.port), settings.user, settings.password.reveal())
    return Secret("\0".join(words))
