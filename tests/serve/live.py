"""A running popbridge as far as commands go, for tests: an upstream's trash, and who is in a session."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from bridge.model.failures import MaildropInUse, UpstreamUnavailable
from bridge.model.names import AccountId, DeviceId
from bridge.model.places import Location, MailboxKey
from bridge.model.update import BringBack
from bridge.oauth import Keeper
from bridge.serve.live import Returned


class FakeLive:
    """Keeps what was asked of it. `down` accounts answer nothing, after `seconds`; `emptied` has what is gone."""

    def __init__(self) -> None:
        self.inside: set[DeviceId] = set()
        self.held: list[DeviceId] = []
        self.reloaded: list[DeviceId] = []
        self.looked: list[AccountId] = []
        self.releases = 0
        self.retried: list[AccountId] = []
        self.new_tokens: list[AccountId] = []
        self.back: list[int] = []
        self.down: set[AccountId] = set()
        self.emptied: set[int] = set()
        self.seconds = 0.0
        self.tries = 0
        self.letters: dict[str, list[Location]] = {}

    @asynccontextmanager
    async def hold(self, device: DeviceId) -> AsyncIterator[None]:
        await trio.lowlevel.checkpoint()
        if device in self.inside:
            raise MaildropInUse(f"device {device}: another session from 192.0.2.1:4711 is open")
        self.held.append(device)
        try:
            yield
        finally:
            self.held.remove(device)

    def in_session(self, device: DeviceId) -> bool:
        return device in self.inside

    async def reload_device(self, device: DeviceId) -> None:
        assert device in self.held, "what is in memory is dropped while the device is kept out"
        await trio.lowlevel.checkpoint()
        self.reloaded.append(device)

    async def look(self, account: AccountId) -> None:
        await trio.lowlevel.checkpoint()
        self.looked.append(account)

    def signed_in(self, account: AccountId) -> None:
        self.new_tokens.append(account)

    def tokens(self, account: AccountId) -> Keeper | None:
        """None signs in by token."""
        return None

    def retry(self, account: AccountId) -> None:
        self.retried.append(account)

    def forget_device(self, device: DeviceId) -> None:
        """Nobody passes through here."""

    def forget_account(self, account: AccountId) -> None:
        """Nobody passes through here."""

    def released(self) -> None:
        self.releases += 1

    async def bring_back(self, what: BringBack) -> Returned:
        self.tries += 1
        await trio.sleep(self.seconds)
        return self._settle(what)

    def _settle(self, one: BringBack) -> Returned:
        if one.source.account in self.down:
            return Returned(one, "later", f"account {one.source.account} cannot be reached")
        if one.intent in self.emptied:
            return Returned(one, "gone", "the message is not in Trash any more")
        self.back.append(one.intent)
        return Returned(one, "back", "")

    async def find(self, mailbox: MailboxKey, message_id: str) -> list[Location]:
        await trio.lowlevel.checkpoint()
        if mailbox.account in self.down:
            raise UpstreamUnavailable(mailbox.account, f"account {mailbox.account} cannot be reached")
        return [place for place in self.letters.get(message_id, []) if place.key == mailbox]
