"""What the index asks of an account's connections and of the store."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from bridge.model.names import AccountId, DeviceId, EntrySeq, MailboxName, Uid, Uidl, UidValidity
from bridge.model.places import (
    ListedMessage,
    ListingChange,
    Location,
    MailboxKey,
    MailboxState,
    MeasuredMessage,
    StoredMessage,
)
from bridge.model.update import Intent, IntentState, MovedTo, SessionRecord, UpdatePlan

Sink = Callable[[list[ListedMessage]], Awaitable[None]]


class Watcher(Protocol):
    """One signed-in connection that lists and watches. Every wait has a deadline; failures are `UpstreamError`s."""

    async def resolve(self, selector: str) -> MailboxName:
        """Give the mailbox a selector names. Raises `MailboxMissing`."""
        ...

    async def examine(self, mailbox: MailboxName) -> MailboxState:
        """Open the mailbox read-only and give its state."""
        ...

    async def status(self, mailbox: MailboxName) -> MailboxState:
        """Give the state of a mailbox that is not open."""
        ...

    async def list_messages(self, first: Uid, sink: Sink) -> None:
        """Hand the open mailbox's messages from `first` on to `sink`, in UID order, in batches."""
        ...

    async def all_uids(self) -> Iterable[int]:
        """Give every UID of the open mailbox."""
        ...

    async def wait(self, seconds: float) -> bool:
        """Wait for a change in the open mailbox; False after `seconds` without one."""
        ...


class AccountPort(Protocol):
    """One account's connections."""

    def watch(self) -> AbstractAsyncContextManager[Watcher]:
        """Open the watcher's connection."""
        ...

    async def measure(
        self,
        key: MailboxKey,
        uidvalidity: UidValidity,
        uids: Sequence[Uid],
        sink: Callable[[Uid, MeasuredMessage], None],
    ) -> None:
        """Count messages' octets after line-end repair, and look for a Subject, at low priority."""
        ...

    async def carry_out(self, intent: Intent) -> tuple[str, str, MovedTo | None]:
        """Do what was promised; gives one of done, gone, later, refused, hide-only, a note for people, and whereto."""
        ...


class StorePort(Protocol):
    """What the index writes down. Writes return after COMMIT or raise `StoreUnavailable`."""

    async def load_messages(self, key: MailboxKey) -> list[StoredMessage]: ...
    async def load_hides(self, device: DeviceId) -> list[EntrySeq]: ...
    async def save_selector(self, account: AccountId, selector: str, mailbox: MailboxName) -> None: ...
    async def apply_listing(
        self, change: ListingChange, unique_id: Callable[[Uid, int], Uidl]
    ) -> list[StoredMessage]: ...
    async def record_sizes(self, sizes: Sequence[tuple[Location, int]]) -> None: ...
    async def commit_update(self, plan: UpdatePlan) -> None: ...
    async def record_session(self, record: SessionRecord) -> None: ...
    async def forget_sessions(self, before: float) -> None: ...
    async def due_intents(self, now: float, limit: int) -> list[Intent]: ...
    async def settle_intent(self, intent: int, state: IntentState, note: str) -> None: ...
    async def retry_intent(self, intent: int, due: float, note: str) -> None: ...
