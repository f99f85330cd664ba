"""What the index asks of an account's connections and of the store."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from bridge.model.devices import Admission, Kin, StoredDevice
from bridge.model.failures import UpstreamError
from bridge.model.names import AccountId, DeviceId, EntrySeq, MailboxName, Uid, Uidl, UidValidity
from bridge.model.places import (
    AccountChange,
    Arrivals,
    ListedMessage,
    ListingChange,
    Location,
    MailboxKey,
    MailboxPart,
    MailboxState,
    MeasuredMessage,
    OldPlace,
    Resynced,
    Since,
    StoredMessage,
    Suspicion,
)
from bridge.model.update import BringBack, Intent, IntentState, MovedTo, SessionRecord, UpdatePlan

Sink = Callable[[list[ListedMessage]], Awaitable[None]]
Name = Callable[[MailboxKey, UidValidity, Uid, int], Uidl]


class Watcher(Protocol):
    """One signed-in connection that lists and watches. Every wait has a deadline; failures are `UpstreamError`s."""

    async def resolve(self, selector: str) -> MailboxName:
        """Give the mailbox a selector names. Raises `MailboxMissing`."""
        ...

    async def examine(self, mailbox: MailboxName) -> MailboxState:
        """Open the mailbox read-only and give its state."""
        ...

    async def resync(self, mailbox: MailboxName, since: Since, *, headers: bool = False) -> Resynced:
        """Open the mailbox read-only and tell what happened since, with the `headers` of what came, or not; where the
        server does not tell that, only its state.
        """
        ...

    async def status(self, mailbox: MailboxName) -> MailboxState:
        """Give the state of a mailbox that is not open."""
        ...

    async def states(self, mailboxes: Sequence[MailboxName]) -> Mapping[MailboxName, MailboxState | UpstreamError]:
        """Give the states of several mailboxes, or why one is not told."""
        ...

    async def list_messages(self, first: Uid, sink: Sink) -> None:
        """Hand the open mailbox's messages from `first` on to `sink`, in UID order, in batches."""
        ...

    async def all_uids(self) -> Iterable[int]:
        """Give every UID of the open mailbox."""
        ...

    @property
    def messages(self) -> int:
        """How many messages the open mailbox has, by what the server told last."""
        ...

    async def headers(self, uids: Sequence[Uid], sink: Callable[[Uid, bytes], None]) -> None:
        """Hand over the header fields that identities are made of; what the server will not give is left out."""
        ...

    async def search(self, key: str, first: Uid) -> Iterable[int]:
        """Give those messages of the open mailbox, from `first` on, that a search key finds. `UpstreamRefused`."""
        ...

    async def quota(self) -> tuple[int, int] | None:
        """Give how many octets are used, and how many there may be, where the server tells."""
        ...

    async def follow(self, mailboxes: Sequence[MailboxName]) -> Mapping[MailboxName, MailboxState | UpstreamError]:
        """Have the server tell of changes in these mailboxes by itself, where it can; gives the states of those that
        are not open.
        """
        ...

    def pushed(self, mailbox: MailboxName) -> bool:
        """Tell whether the server tells of changes in a mailbox by itself, while `wait` waits."""
        ...

    def ask(self, mailboxes: Iterable[MailboxName]) -> None:
        """Have the `wait` that is under way, or the next one, ask how mailboxes are, and return; from any task."""
        ...

    async def wait(self, seconds: float, known: Mapping[MailboxName, Since] = ...) -> bool:
        """Wait for news of the open mailbox, those that are `pushed`, and those asked after; False after `seconds`
        without. What happened to the open one is fetched at once if it is `known`, into `arrived` or `resynced`.
        """
        ...

    def take_news(self) -> Mapping[MailboxName, MailboxState | UpstreamError]:
        """Give how mailboxes are now of which `wait` heard."""
        ...

    @property
    def changed(self) -> bool:
        """True when the open mailbox changed since it was examined, by what the last `wait` heard."""
        ...

    @property
    def arrived(self) -> Arrivals | None:
        """What came to the open mailbox during the last `wait`, when that is all that changed and was fetched."""
        ...

    @property
    def resynced(self) -> Resynced | None:
        """What happened to the open mailbox during the last `wait`, when it was more than that and the server told."""
        ...

    @property
    def last_heard(self) -> float:
        """When the server last said anything, in Trio's time."""
        ...

    @property
    def asked(self) -> float:
        """When the open mailbox was last asked after, in Trio's time."""
        ...


class Settled(Protocol):
    """How an upstream action ended: done, gone, elsewhere, later, refused or hide-only, and a note for people."""

    @property
    def settled(self) -> str: ...
    @property
    def note(self) -> str: ...
    @property
    def moved(self) -> MovedTo | None: ...
    @property
    def message_id(self) -> str: ...


class Content(Protocol):
    """One message's octets, in order, `b""` at the end."""

    async def receive(self) -> bytes: ...


class AccountPort(Protocol):
    """One account's connections."""

    @property
    def nearly_spent(self) -> bool:
        """True where the server lets little more be fetched today: what no device waits for is to be left."""
        ...

    def watch(self) -> AbstractAsyncContextManager[Watcher]:
        """Open the watcher's connection."""
        ...

    async def headers(
        self, key: MailboxKey, uidvalidity: UidValidity, uids: Sequence[Uid], sink: Callable[[Uid, bytes], None]
    ) -> None:
        """Hand over messages' identifying header fields, at low priority."""
        ...

    async def measure(
        self,
        key: MailboxKey,
        uidvalidity: UidValidity,
        sizes: Mapping[Uid, int],
        sink: Callable[[Uid, MeasuredMessage], None],
    ) -> None:
        """Count messages' octets after line-end repair, at low priority; `sizes` are what they are thought to have."""
        ...

    async def gather(self, key: MailboxKey, uidvalidity: UidValidity, sizes: Mapping[Uid, int]) -> Mapping[Uid, bytes]:
        """Give several small messages, at low priority; what did not come whole is left out."""
        ...

    def read_later(self, location: Location, size: int) -> AbstractAsyncContextManager[Content]:
        """Open one message, at low priority; `size` is a hint in octets."""
        ...

    async def carry_out(self, intent: Intent, copied: Callable[[MovedTo], Awaitable[None]]) -> Settled:
        """Do what was promised. `copied` is waited for once a COPY put the message somewhere, before it is removed."""
        ...

    async def bring_back(self, what: BringBack) -> Settled:
        """Move a message back to where an intent took it from."""
        ...


class StorePort(Protocol):
    """What the index writes down. Writes return after COMMIT or raise `StoreUnavailable`."""

    async def load_messages(self, key: MailboxKey) -> list[StoredMessage]: ...
    async def load_parts(self, key: MailboxKey) -> list[MailboxPart]: ...
    async def load_in_pieces(
        self, key: MailboxKey, take: Callable[[UidValidity, list[StoredMessage]], None]
    ) -> None: ...
    async def load_old_places(self, account: AccountId, places: Sequence[Location]) -> list[OldPlace]: ...
    async def load_kindred(self, account: AccountId, identities: Sequence[str], since: float) -> list[OldPlace]: ...
    async def load_suspicions(self) -> list[Suspicion]: ...
    async def save_suspicion(self, suspicion: Suspicion) -> None: ...
    async def clear_suspicion(self, key: MailboxKey) -> None: ...
    async def save_selector(self, account: AccountId, selector: str, mailbox: MailboxName) -> None: ...
    async def apply_listing(
        self, change: ListingChange, unique_id: Callable[[Uid, int], Uidl]
    ) -> list[StoredMessage]: ...
    async def apply_refresh(self, change: AccountChange, unique_id: Name) -> dict[MailboxKey, list[StoredMessage]]: ...
    async def record_identities(
        self, key: MailboxKey, uidvalidity: UidValidity, found: Sequence[tuple[Uid, str]]
    ) -> None: ...
    async def record_measured(self, found: Sequence[tuple[Location, MeasuredMessage]]) -> None: ...
    async def load_device(self, device: DeviceId, everything: bool = False) -> StoredDevice: ...
    async def load_kin(self, device: DeviceId, seqs: Sequence[EntrySeq]) -> list[Kin]: ...
    async def commit_admission(self, admission: Admission) -> None: ...
    async def commit_update(self, plan: UpdatePlan) -> None: ...
    async def record_sessions(self, records: Sequence[SessionRecord]) -> None: ...
    async def forget_sessions(self, before: float) -> None: ...
    async def due_intents(self, now: float, limit: int) -> list[Intent]: ...
    async def hasten_intents(self, latest: float) -> int: ...
    async def next_due(self) -> float | None: ...
    async def is_listed(self, intent: int) -> bool: ...
    async def settle_intent(
        self,
        intent: int,
        state: IntentState,
        note: str,
        moved: MovedTo | None = None,
        at: Location | None = None,
        message_id: str = "",
    ) -> None: ...
    async def retry_intent(self, intent: int, due: float, note: str) -> None: ...
    async def note_copied(self, intent: int, moved: MovedTo) -> None: ...
    async def brought_back(self, intent: int) -> None: ...
    async def lapse_held(self, before: float) -> int: ...


class Draft(Protocol):
    """A message that is being written to the spool."""

    async def write(self, data: bytes) -> None: ...
    async def keep(self) -> None: ...


class Fill(Protocol):
    """A message that is kept while it is sent to a device. Waits for nothing."""

    def feed(self, data: bytes) -> None: ...
    def finish(self) -> None: ...
    def give_up(self) -> None: ...


class SpoolPort(Protocol):
    """Messages on disk, by account and entry. Raises nothing because of the disk; what cannot be kept is not kept."""

    def holds(self, account: AccountId, entry: EntrySeq) -> bool:
        """Tell whether a message is there. Asks neither database nor disk, nor does anything else here but `read`."""
        ...

    def missing(self, account: AccountId, entries: Iterable[int]) -> set[int]:
        """Give those that are not there; none where the account spools nothing."""
        ...

    def wants(self, account: AccountId, entry: EntrySeq, octets: int) -> bool:
        """Tell whether a message of so many octets would be kept just now."""
        ...

    def choose(self, account: AccountId, messages: Sequence[tuple[EntrySeq, int]]) -> Sequence[EntrySeq]:
        """Give those of some messages, told with their octets, that would be kept together, the newest first."""
        ...

    def read(self, account: AccountId, entry: EntrySeq) -> AbstractAsyncContextManager[Content | None]:
        """Open a message; None where it is not there. `receive` raises `MessageChanged` where its file is damaged."""
        ...

    async def keep(self, account: AccountId, messages: Sequence[tuple[EntrySeq, bytes]]) -> None:
        """Write small messages together. Waits for the disk."""
        ...

    def draft(self, account: AccountId, entry: EntrySeq) -> AbstractAsyncContextManager[Draft]:
        """Write a message; what is not kept when the block ends is given up."""
        ...

    def fill(self, account: AccountId, entry: EntrySeq) -> Fill:
        """Take a message as it is sent."""
        ...
