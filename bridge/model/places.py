"""Where messages live upstream, and how much of a mailbox is known."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from bridge.model.names import AccountId, EntrySeq, MailboxName, ModSeq, Uid, Uidl, UidValidity

NO_MODSEQ = ModSeq(0)
NO_HEADERS: Mapping[Uid, bytes] = MappingProxyType({})


class MailboxKey(NamedTuple):
    """One mailbox of one account."""

    account: AccountId
    mailbox: MailboxName

    def __str__(self) -> str:
        return f"{self.account}/{self.mailbox}"


class Location(NamedTuple):
    """One message in one mailbox, as IMAP can name it for good."""

    key: MailboxKey
    uidvalidity: UidValidity
    uid: Uid


@dataclass(frozen=True, slots=True)
class MailboxState:
    """What the server said of a mailbox when it was last listed whole.

    `exists` is in messages. `modseq` is 0 without CONDSTORE.
    """

    uidvalidity: UidValidity
    uidnext: Uid
    exists: int
    modseq: ModSeq = NO_MODSEQ


class ListedMessage(NamedTuple):
    """One line of a UID listing: `size` is RFC822.SIZE in octets, `date` is INTERNALDATE in Unix seconds.

    `identity` is the provider's (EMAILID or X-GM-MSGID with its prefix, `emailid:…`, `gmail:…`), or empty.
    """

    uid: Uid
    size: int
    date: int
    identity: str


class Arrivals(NamedTuple):
    """What came to an open mailbox and nothing else: `rows` in UID order, their identifying header fields as far as the
    server gave them, and how the mailbox is with them.
    """

    state: MailboxState
    rows: tuple[ListedMessage, ...]
    headers: Mapping[Uid, bytes]


class Since(NamedTuple):
    """How a mailbox was when it was looked at. `first` is the UID from which on its lines are wanted all the same."""

    state: MailboxState
    first: Uid


class Resynced(NamedTuple):
    """What happened to a mailbox since it was looked at, as the server tells it, and how it is with that.

    `vanished` holds the UIDs that went. `rows` has the lines of messages that came or changed, flags included, and of
    all from UID `first` on; `headers` the identifying header fields of those that came, where they were asked for.
    `told`: the server did tell; otherwise the mailbox is open, and only its state is good.
    """

    state: MailboxState
    told: bool = False
    first: Uid = Uid(0)
    vanished: Container[int] = frozenset()
    rows: tuple[ListedMessage, ...] = ()
    headers: Mapping[Uid, bytes] = NO_HEADERS


class StoredMessage(NamedTuple):
    """One message of a mailbox as the store keeps it. `measured` is in octets, -1 until it was counted.

    `date` is INTERNALDATE and `seen` the moment the entry was first seen, in Unix seconds. `provider` is the provider's
    identity as listed, or empty. `content` is the content's: empty while unknown, `NO_IDENTITY` where it cannot be had.
    `subject` tells whether its header has a Subject field: 1 or 0, -1 until it was measured.
    """

    seq: EntrySeq
    uidl: Uidl
    uid: Uid
    size: int
    measured: int
    date: int
    seen: int = 0
    provider: str = ""
    content: str = ""
    subject: int = -1


NO_IDENTITY = "-"
"""The content identity of a message whose header the server will not give: equal to no other, not even to itself."""


class MeasuredMessage(NamedTuple):
    """What counting a message told: its octets after line-end repair, and whether its header has a Subject field."""

    octets: int
    subject: bool


class MailboxPart(NamedTuple):
    """A mailbox's live messages under one UIDVALIDITY, in first-seen order. A mailbox has more than one part only while
    messages of an older UIDVALIDITY linger: they are listed, though the server has them no longer under these names.
    """

    uidvalidity: UidValidity
    messages: list[StoredMessage]


@dataclass(frozen=True, slots=True)
class ListingChange:
    """What one step of a refresh found, applied in one transaction.

    `replaced` forgets every location of the mailbox under another UIDVALIDITY. `state` is None while
    more of the listing is to come; the mailbox counts as listed once a change with a state is committed.
    A listing that was whole is forgotten no sooner than that, so that a crash between leaves it to be shown.
    """

    key: MailboxKey
    uidvalidity: UidValidity
    appended: tuple[ListedMessage, ...] = ()
    vanished: tuple[Uid, ...] = ()
    state: MailboxState | None = None
    replaced: bool = False


@dataclass(frozen=True, slots=True)
class MailboxChange:
    """What a look at one mailbox found, beyond its first listing.

    `state` is what the next look is compared with. `vanished` are UIDs under `state.uidvalidity`. `inherited` are new
    places of entries that are known already: the new place takes the entry over from the place that vanished.
    `contents` has the content identities of appended and inherited messages, where they are known by now. `lingering`:
    places under another UIDVALIDITY stay listed for now; otherwise those that nobody inherited are gone.
    """

    key: MailboxKey
    state: MailboxState
    appended: tuple[ListedMessage, ...] = ()
    inherited: tuple[tuple[EntrySeq, ListedMessage], ...] = ()
    vanished: tuple[Uid, ...] = ()
    contents: Mapping[Uid, str] = field(default_factory=dict)
    lingering: bool = False


@dataclass(frozen=True, slots=True)
class AccountChange:
    """What one round of looks at an account's mailboxes found, applied in one transaction."""

    account: AccountId
    mailboxes: tuple[MailboxChange, ...]


class OldPlace(NamedTuple):
    """A place that lost its message, or is about to, with what may tell where the message went.

    `live` is False for one that vanished in an earlier round. `removed` tells that a device's deletion was to take the
    message away from here by now. Identities as in `StoredMessage`.
    """

    seq: EntrySeq
    key: MailboxKey
    uidvalidity: UidValidity
    uid: Uid
    size: int
    date: int
    provider: str
    content: str
    live: bool = True
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Many messages of a mailbox went at once, and it is not believed yet. `since` and `accepted` are Unix seconds.

    `missing` of `known` messages; `accepted` is 0 until somebody said that it is meant.
    """

    key: MailboxKey
    since: float
    missing: int
    known: int
    accepted: float = 0
