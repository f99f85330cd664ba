"""What commands ask of the part of popbridge that runs: who is in a session, and what is to be done upstream now."""

from contextlib import AbstractAsyncContextManager
from typing import Literal, NamedTuple, Protocol

from bridge.model.names import AccountId, DeviceId
from bridge.model.places import Location, MailboxKey
from bridge.model.update import BringBack
from bridge.oauth import Keeper


class Returned(NamedTuple):
    """How moving a message back ended. `back`: it lies where it was. `gone`: it is not any more where it had been put.
    `refused`: what is there is another message, or the server will not, ever. `later`: worth another try.
    """

    what: BringBack
    settled: Literal["back", "gone", "later", "refused"]
    note: str


class Live(Protocol):
    """A running popbridge, as far as an owner's commands go."""

    def hold(self, device: DeviceId) -> AbstractAsyncContextManager[None]:
        """Keep the device out for the block: its logins hear `[IN-USE]`. Waits a moment for a session that is about to
        end, and raises `MaildropInUse` while one goes on.
        """
        ...

    def in_session(self, device: DeviceId) -> bool:
        """True while a session of this device is open."""
        ...

    async def reload_device(self, device: DeviceId) -> None:
        """Forget what is in memory of a device: its next login goes by what the store has."""
        ...

    def forget_device(self, device: DeviceId) -> None:
        """Hear that the store has forgotten a device. One that passthrough made is none any more."""
        ...

    def forget_account(self, account: AccountId) -> None:
        """Hear that the store is about to forget an account that passthrough made: it runs no longer."""
        ...

    async def look(self, account: AccountId) -> None:
        """Have the account's mailboxes looked at now, and what was accepted as gone believed. Waits for no upstream."""
        ...

    def signed_in(self, account: AccountId) -> None:
        """Tell that the store has new tokens for the account: it is signed in to anew. Waits for nothing."""
        ...

    def tokens(self, account: AccountId) -> Keeper | None:
        """Give what keeps the account's token, None where it signs in otherwise."""
        ...

    def retry(self, account: AccountId) -> None:
        """Have the account's password tried although it was refused. Waits for nothing."""
        ...

    def released(self) -> None:
        """Tell that there are intents to be carried out which were held before. Waits for nothing."""
        ...

    async def bring_back(self, what: BringBack) -> Returned:
        """Move a message back upstream, if it is still what was moved away. Trouble upstream is `later`."""
        ...

    async def find(self, mailbox: MailboxKey, message_id: str) -> list[Location]:
        """Look upstream for messages with this Message-ID. Raises an `UpstreamError`."""
        ...
