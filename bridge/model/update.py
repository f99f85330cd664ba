"""What QUIT promises, and what an intent is until it is carried out."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from bridge.model.names import DeviceId, EntrySeq, MailboxName, SessionId, Uid, UidValidity
from bridge.model.places import Location, MailboxKey

Action = Literal["seen", "flag", "archive", "trash", "expunge"]
IntentState = Literal["waiting", "held", "voting", "done", "lapsed", "cancelled", "returning"]
"""`held`: the guard against mass deletion awaits the owner. `voting`: other devices have a say. `cancelled`: undone.
`returning`: it was carried out, its owner wants that undone, and the message is still to be moved back.
"""


@dataclass(frozen=True, slots=True)
class NewIntent:
    """An upstream action promised at QUIT. `due` is in Unix seconds; `size` is RFC822.SIZE as listed.

    `when_all`: it counts as this device's vote, and is done once every device that was shown the message agrees.
    """

    seq: EntrySeq
    location: Location
    action: Action
    size: int
    due: float
    state: Literal["waiting", "held", "voting"] = "waiting"
    when_all: bool = False


@dataclass(frozen=True, slots=True)
class UpdatePlan:
    """All that one QUIT makes durable, in one transaction. `at` is in Unix seconds.

    `hide` was deleted by the device, `retrieved` is hidden because it was fetched. `electorate` are the devices of the
    configuration: only they have a say in `delete_when = "all"`.
    """

    device: DeviceId
    session: SessionId
    at: float
    hide: tuple[EntrySeq, ...] = ()
    retrieved: tuple[EntrySeq, ...] = ()
    electorate: tuple[DeviceId, ...] = ()
    intents: tuple[NewIntent, ...] = ()
    sent: tuple[EntrySeq, ...] = ()
    acknowledged: bool = True

    @property
    def empty(self) -> bool:
        """True when there is nothing to record, so QUIT need wait for no commit."""
        return not (self.hide or self.retrieved or self.intents or self.sent)


@dataclass(frozen=True, slots=True)
class Intent:
    """An intent as the store keeps it, waiting to be carried out. `content` is the message's content identity, empty
    where it was not known when the intent was made. `copied` is where a COPY put the message before a crash.
    """

    id: int
    device: DeviceId
    seq: EntrySeq
    location: Location
    action: Action
    size: int
    due: float
    tries: int
    message_id: str = ""
    content: str = ""
    copied: "MovedTo | None" = None


class MovedTo(NamedTuple):
    """Where an action put a message, as its server told (COPYUID)."""

    mailbox: MailboxName
    uidvalidity: UidValidity
    uid: Uid


class BringBack(NamedTuple):
    """A message that an intent moved and its owner wants back. `content` as in `Intent`."""

    intent: int
    seq: EntrySeq
    source: MailboxKey
    moved: MovedTo
    size: int
    content: str


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """One row of the session history. Times in Unix seconds, `octets` as sent in messages."""

    session: SessionId
    device: DeviceId
    peer: str
    started: float
    ended: float
    retr: int
    top: int
    dele: int
    octets: int
    reason: str
