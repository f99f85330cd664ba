"""What QUIT promises, and what an intent is until it is carried out."""

from dataclasses import dataclass
from typing import Literal

from bridge.model.names import DeviceId, EntrySeq, SessionId
from bridge.model.places import Location

Action = Literal["seen", "flag", "archive", "trash", "expunge"]
IntentState = Literal["waiting", "done", "lapsed"]


@dataclass(frozen=True, slots=True)
class NewIntent:
    """An upstream action promised at QUIT. `due` is in Unix seconds; `size` is RFC822.SIZE as listed."""

    seq: EntrySeq
    location: Location
    action: Action
    size: int
    due: float


@dataclass(frozen=True, slots=True)
class UpdatePlan:
    """All that one QUIT makes durable, in one transaction. `at` is in Unix seconds."""

    device: DeviceId
    session: SessionId
    at: float
    hide: tuple[EntrySeq, ...] = ()
    intents: tuple[NewIntent, ...] = ()
    sent: tuple[EntrySeq, ...] = ()
    acknowledged: bool = True

    @property
    def empty(self) -> bool:
        """True when there is nothing to record, so QUIT need wait for no commit."""
        return not (self.hide or self.intents or self.sent)


@dataclass(frozen=True, slots=True)
class Intent:
    """An intent as the store keeps it, waiting to be carried out. `message_id` is empty where not known yet."""

    id: int
    device: DeviceId
    seq: EntrySeq
    location: Location
    action: Action
    size: int
    due: float
    tries: int
    message_id: str = ""


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
