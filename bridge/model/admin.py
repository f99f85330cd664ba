"""What an owner's commands about devices give and take."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from bridge.model.names import EntrySeq, Uid, Uidl, UidValidity
from bridge.model.places import MailboxKey
from bridge.model.update import Action, BringBack


class Lost(NamedTuple):
    """A message that cannot be brought back: what was done to it, and what is known of that, for people.

    `uidl` is the unique-id that the device knows it by.
    """

    uidl: Uidl
    action: Action
    note: str


@dataclass(frozen=True, slots=True)
class Undone:
    """What undoing a device's last sessions did. `sessions` is how many of them there were, undone earlier or now.

    `cancelled` counts what will not be done upstream any more, `unhidden` are shown to the device again, `back` are to
    be moved back upstream, and what is `lost` stays where it is, or gone.
    """

    sessions: int = 0
    cancelled: int = 0
    unhidden: list[EntrySeq] = field(default_factory=list)
    back: list[BringBack] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ResetDone:
    """What a reset did: messages still upstream that are shown again (`shown`) or not any more because they are older
    (`hidden`), and upstream actions that will not be done (`cancelled`). `ruled` are those among the shown ones that
    rules had hidden, by rule: it is for the device's next login to say whether they still do.
    """

    shown: int = 0
    hidden: int = 0
    cancelled: int = 0
    ruled: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ForgetDone:
    """What was forgotten of a device: messages it was shown (`announced`), what it had `hidden`, upstream actions that
    others or its owner had yet to agree to (`votes`); and those that are done all the same (`promised`).
    """

    announced: int = 0
    hidden: int = 0
    votes: int = 0
    promised: int = 0


class CataloguedPlace(NamedTuple):
    """A live message with all that tells what it is: as `OldPlace`, and its own unique-id."""

    seq: EntrySeq
    uidl: Uidl
    key: MailboxKey
    uidvalidity: UidValidity
    uid: Uid
    provider: str
    content: str
    size: int
    date: int
