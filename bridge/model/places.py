"""Where messages live upstream, and how much of a mailbox is known."""

from dataclasses import dataclass
from typing import NamedTuple

from bridge.model.names import AccountId, EntrySeq, MailboxName, ModSeq, Uid, Uidl, UidValidity

NO_MODSEQ = ModSeq(0)


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


class StoredMessage(NamedTuple):
    """One message of a mailbox as the store keeps it. `measured` is in octets, -1 until it was counted."""

    seq: EntrySeq
    uidl: Uidl
    uid: Uid
    size: int
    measured: int
    date: int


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
