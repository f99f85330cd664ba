"""Looking for a message upstream while no popbridge runs."""

import trio

from bridge.model.failures import UpstreamUnavailable
from bridge.model.names import AccountId
from bridge.model.places import Location, MailboxKey
from bridge.model.settings import Settings
from bridge.serve.tokens import token_source
from bridge.store import Store
from bridge.upstream import Account


class Searching:
    """Signs in to accounts as they are asked for; `connections` owns what is opened, until it is cancelled."""

    def __init__(self, settings: Settings, connections: trio.Nursery, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._connections = connections
        self._accounts: dict[AccountId, Account] = {}

    async def find(self, mailbox: MailboxKey, message_id: str) -> list[Location]:
        """Look for messages with this Message-ID. Raises `UpstreamError`s, also where a password is not known."""
        return await (await self._account(mailbox.account)).find(mailbox, message_id)

    async def _account(self, name: AccountId) -> Account:
        if (known := self._accounts.get(name)) is not None:
            return known
        settings = self._settings.accounts[name]
        if settings.oauth is None and not settings.password.reveal():
            sentence = f"account {settings.name}: its password cannot be read here, and no popbridge runs that knows it"
            raise UpstreamUnavailable(settings.name, sentence)
        timeout = self._settings.server.upstream_timeout
        tokens = token_source(settings, timeout, self._store)
        account = self._accounts[name] = Account(settings, timeout=timeout, tokens=tokens)
        await self._connections.start(account.run)
        return account
