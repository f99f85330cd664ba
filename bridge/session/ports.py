"""What a session asks of the rooms behind it."""

from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

from bridge.maildrop import Maildrop
from bridge.model.names import AccountId, DeviceId, EntrySeq, SessionId
from bridge.model.passthrough import PassedLogin
from bridge.model.peer import Peer
from bridge.model.places import Location, MeasuredMessage
from bridge.model.secret import Secret
from bridge.model.settings import DeviceSettings, PasswordHash
from bridge.model.update import SessionRecord, UpdatePlan
from bridge.sasl import Proof, ScramHash


class Content(Protocol):
    """One message's octets as the upstream has them, in order."""

    async def receive(self) -> bytes:
        """Give the next octets, at most 256 KiB, `b""` at the end. Raises an `UpstreamError`."""
        ...


class Maildrops(Protocol):
    """Where maildrops come from and where sessions leave what they did."""

    async def open(self, device: DeviceSettings, session: SessionId) -> Maildrop:
        """Give the device's maildrop now, as this session is to see it. What is new to the device is durable by then.

        Waits at most `refresh_wait`, and for a commit where there is something new; raises `NotListedYet`.
        """
        ...

    def read(
        self, entry: EntrySeq, location: Location, size: int, *, whole: bool = True
    ) -> AbstractAsyncContextManager[Content]:
        """Open the message of an entry, which lies at a place; `size` is a hint in octets, and so is `whole`: that more
        than its beginning is wanted.

        Raises an `UpstreamError` here or in `receive`.
        """
        ...

    def spools(self, maildrop: Maildrop) -> bool:
        """Tell whether an account behind the maildrop keeps messages on disk; where none does, neither of the next two
        need be asked. Does not wait.
        """
        ...

    def spooled(self, entry: EntrySeq, location: Location) -> bool:
        """Tell whether a message is on disk, so that nothing upstream is asked for it. Does not wait."""
        ...

    def fetched(self, entry: EntrySeq, location: Location, text: Sequence[bytes]) -> None:
        """Take a whole message that came without `read`, as the upstream has it. Does not wait."""
        ...

    def measured(self, location: Location, message: MeasuredMessage) -> None:
        """Tell that the message was counted while it was sent. Does not wait."""
        ...

    async def update(self, plan: UpdatePlan) -> None:
        """Make the plan durable. Returns after COMMIT; raises `StoreUnavailable`, and then nothing was done."""
        ...

    def closed(self, record: SessionRecord, unacknowledged: UpdatePlan | None) -> None:
        """Take the session's history row, and what a session without QUIT had sent completely. Does not wait.

        Comes before another session of the device can open its maildrop, which is to know of it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Admitted:
    """A device that proved to know its password; `signature` is what proves the same to it, empty where none is due."""

    device: DeviceSettings
    signature: bytes = b""


class Doorkeeper(Protocol):
    """Who may come in."""

    async def admit(self, login: str, password: Secret, peer: Peer) -> DeviceSettings | None:
        """Give the device whose login this is, or None for a wrong name, password or network, told alike.

        Raises a `BridgeError` when that cannot be told just now.
        """
        ...

    async def prove(self, proof: Proof, peer: Peer) -> Admitted | None:
        """Give the device that a proof is of, or None for a wrong one, told like any other."""
        ...

    def salt(self, login: str, hash_: ScramHash) -> tuple[bytes, int]:
        """Give salt and rounds for a login, whether it exists or not, and always the same."""
        ...

    @property
    def devices(self) -> tuple[DeviceId, ...]:
        """The devices of the configuration as it is now: those that have a say in `delete_when = "all"`."""
        ...

    @property
    def expire(self) -> str | None:
        """What EXPIRE tells a device that has not logged in, None for nothing (RFC 2449 §6.7)."""
        ...


Standing = Literal["unknown", "signed in", "remembered", "refused"]
"""How an account is that logins pass through to. `signed in`: with the password that it was last given, over a
connection that there is now. `remembered`: its password is kept, and good until its server says otherwise. `refused`:
its server did; where it is kept the server is asked again by and by. `unknown`: whoever logs in has to be asked for.
"""


class PassedAccounts(Protocol):
    """The accounts that logins pass through to."""

    @property
    def domains(self) -> Collection[str]:
        """The domains whose logins pass through, in lower case."""
        ...

    @property
    def devices(self) -> tuple[DeviceId, ...]:
        """The devices that have a say in `delete_when = "all"`: the configuration's, and those that logged in so."""
        ...

    @property
    def expire(self) -> str | None:
        """What EXPIRE tells a device that has not logged in, None for nothing (RFC 2449 §6.7)."""
        ...

    def read(self, login: str) -> PassedLogin | None:
        """Give what a login means; None for one that does not pass through."""
        ...

    def networks(self, login: PassedLogin) -> Iterable[str]:
        """Give where the device may log in from, as `DeviceSettings.networks`."""
        ...

    def standing(self, account: AccountId) -> Standing:
        """Tell how an account is."""
        ...

    def verifier(self, account: AccountId) -> PasswordHash | None:
        """Give the hash of the account's password where that is kept."""
        ...

    async def sign_in(self, login: PassedLogin, password: Secret) -> None:
        """Have the account sign in with this password, and run with it from now on. Waits for the server.

        Raises `UpstreamLoginFailed` for a password that it does not take, or another `UpstreamError`; then the account
        goes on as it was.
        """
        ...

    async def enter(self, login: PassedLogin) -> DeviceSettings:
        """Give the device of a login that is right, with a row of its own, and have its account run."""
        ...


class Holder(Protocol):
    """A session that holds a device's lease."""

    device: DeviceId
    peer: Peer

    def silent_for(self) -> float:
        """Seconds since the device last sent or took an octet."""
        ...

    @property
    def busy(self) -> bool:
        """True while a reply is owed."""
        ...

    @property
    def updating(self) -> bool:
        """True once QUIT has begun: such a session is never taken over."""
        ...

    def lose(self) -> None:
        """End at once, without a line and without UPDATE."""
        ...
