"""The running bridge, as an owner's commands see it."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bridge.index import DeviceMaildrops, IntentRunner
from bridge.model.failures import UpstreamError, UpstreamUnavailable
from bridge.model.names import AccountId, DeviceId
from bridge.model.peer import Peer
from bridge.model.places import Location, MailboxKey
from bridge.model.update import BringBack
from bridge.oauth import Keeper
from bridge.serve.accounts import RunningAccounts
from bridge.serve.live import Returned
from bridge.serve.passing import PassedThrough
from bridge.session import Leases

HERE = Peer("popbridge", 0)


class RunningLive:
    """`Live` over the rooms that run. An account is in `accounts` as long as the configuration has it."""

    def __init__(
        self,
        accounts: RunningAccounts,
        maildrops: DeviceMaildrops,
        leases: Leases,
        intents: IntentRunner,
        passed: PassedThrough,
    ) -> None:
        self._accounts = accounts
        self._maildrops = maildrops
        self._leases = leases
        self._intents = intents
        self._passed = passed

    @asynccontextmanager
    async def hold(self, device: DeviceId) -> AsyncIterator[None]:
        """Hold the device's lease, as a session would that nobody takes it from."""
        command = _Command(device)
        await self._leases.settle(command)
        with self._leases.take(command):
            yield

    def in_session(self, device: DeviceId) -> bool:
        """True while a session of this device is open."""
        return self._leases.held(device)

    async def reload_device(self, device: DeviceId) -> None:
        """Take up anew what the store has of the device."""
        await self._maildrops.reload(device)

    def forget_device(self, device: DeviceId) -> None:
        """Have a device that passthrough made be none any more."""
        self._passed.forget_device(device)

    def forget_account(self, account: AccountId) -> None:
        """Have an account that passthrough made run no longer."""
        self._passed.forget_account(account)

    async def look(self, account: AccountId) -> None:
        """Have the account looked at now. An account that is gone meanwhile is passed over."""
        if (index := self._accounts.indexed.get(account)) is not None:
            await index.believe()

    def signed_in(self, account: AccountId) -> None:
        """Have it sign in at once with what was kept. An account that is gone meanwhile is passed over."""
        self._accounts.signed_in(account)

    def retry(self, account: AccountId) -> None:
        """Forget that password or token was refused, and look at the account."""
        self._accounts.retry(account)

    def tokens(self, account: AccountId) -> Keeper | None:
        """Give the one keeper that an account may have."""
        return self._accounts.keeper(account)

    def released(self) -> None:
        """Wake whoever carries intents out."""
        self._intents.promised()

    async def bring_back(self, what: BringBack) -> Returned:
        """Move a message back. Waits for the upstream, whose every step has a deadline."""
        if what.source.account not in self._accounts.indexed:
            return Returned(what, "later", "its account is not in the configuration")
        try:
            outcome = await self._accounts.upstream(what.source.account).bring_back(what)
        except UpstreamError as failure:
            return Returned(what, "later", str(failure))
        match outcome.settled:
            case "done":
                self._accounts.indexed[what.source.account].look_again()
                return Returned(what, "back", outcome.note)
            case "gone" | "later":
                return Returned(what, outcome.settled, outcome.note)
            case "elsewhere" | "refused" | "hide-only":
                return Returned(what, "refused", outcome.note)

    async def find(self, mailbox: MailboxKey, message_id: str) -> list[Location]:
        """Search a mailbox upstream."""
        if mailbox.account not in self._accounts.indexed:
            raise UpstreamUnavailable(mailbox.account, f"account {mailbox.account} is not in the configuration")
        return await self._accounts.upstream(mailbox.account).find(mailbox, message_id)


class _Command:
    """Holds a device's lease for a moment: busy with an update, so that no login takes it over."""

    def __init__(self, device: DeviceId) -> None:
        self.device = device
        self.peer = HERE
        self.busy = True
        self.updating = True

    def silent_for(self) -> float:
        """It is never silent."""
        return -math.inf

    def lose(self) -> None:
        """Is never taken over."""
