"""What a login decides on: the device's sources as they are now, and which of their messages are undecided."""

from array import array
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bridge.maildrop.device import DeviceRecord, Examined
from bridge.maildrop.snapshot import MailboxSnapshot
from bridge.model.names import EntrySeq
from bridge.model.places import MailboxKey
from bridge.model.settings import Source

NOT_ANEW: Mapping[MailboxKey, float] = {}


@dataclass(frozen=True, slots=True)
class SourceView:
    """One source of a device as published. `parts` has the mailbox under its present UIDVALIDITY, then what lingers.

    `matched` are the UIDs that the device's search found among those up to and with `searched`; of others it is not
    known yet. None without a search.
    """

    source: Source
    parts: tuple[MailboxSnapshot, ...]
    matched: Container[int] | None = None
    searched: int = 0

    @property
    def key(self) -> MailboxKey:
        """The mailbox."""
        return self.parts[0].key

    @property
    def answered(self) -> bool:
        """True when a search, if there is one, has said anything, or there is nothing that it could be asked about."""
        return self.matched is None or self.searched > 0 or not any(map(len, self.parts))


class Candidate(NamedTuple):
    """An undecided message, in the order of announcing. `part` and `place` are where it stands, `date` is what
    `window` goes by; `first` when its mailbox was never shown to the device.
    """

    first: bool
    rank: int
    uid: int
    seq: EntrySeq
    part: int
    place: int
    date: int


class Ground:
    """The sources of one login, each mailbox once, laid flat: `parts[n]` belongs to `views[owners[n]]`. `shown` and
    `anew` are as the device's record has them.
    """

    def __init__(
        self, sources: Iterable[SourceView], shown: Container[MailboxKey], anew: Mapping[MailboxKey, float] = NOT_ANEW
    ) -> None:
        views = {view.key: view for view in reversed([view for view in sources if view.parts])}
        self.views = tuple(reversed(views.values()))
        self.parts = tuple(part for view in self.views for part in view.parts)
        self.owners = tuple(at for at, view in enumerate(self.views) for _ in view.parts)
        self.unseen = tuple(view.key not in shown for view in self.views)
        self._anew = anew

    def locate(self, seq: int) -> tuple[int, int] | None:
        """Give the part and place of an entry, None when it is in no source; the first that has it, if several do."""
        for at, part in enumerate(self.parts):
            if (place := part.place_of(seq)) >= 0:
                return at, place
        return None

    def candidate(self, seq: int, at: int, place: int) -> Candidate | None:
        """Give a message as a candidate; None when it is in a source that is not to be shown yet."""
        part, owner = self.parts[at], self.owners[at]
        first = self.unseen[owner]
        if first and not self.views[owner].answered:
            return None
        # What was there when the mailbox was first shown is as old as it was then, though it begins anew.
        listed_first = first or part.seen[place] <= self._anew.get(part.key, -1)
        uid, date = part.uids[place], (part.dates if listed_first else part.seen)[place]
        return Candidate(first, at if first else seq, uid, EntrySeq(seq), at, place, date)

    def searched(self, at: int) -> int:
        """Give up to which UID a part was searched: what lingers is not on the server any more, and never is."""
        view = self.views[self.owners[at]]
        return view.searched if view.parts[0] is self.parts[at] else 0

    def grown_from(self, examined: Examined) -> bool:
        """True when all that was there at the last look is there now, and where it was."""
        now = {(part.key, part.uidvalidity): part for part in self.parts}
        return all(key in now and now[key].continues(part) for key, (part, _) in examined.parts.items())

    def unchanged_since(self, examined: Examined) -> bool:
        """True when neither a message nor anything about one has changed since the last look."""
        if not examined.settled or len(examined.parts) != len(self.parts):
            return False
        known = [examined.parts.get((part.key, part.uidvalidity)) for part in self.parts]
        return all(
            each is not None and each[0] is part and each[1] == self.searched(at)
            for at, (part, each) in enumerate(zip(self.parts, known, strict=True))
        )


def undecided(record: DeviceRecord, ground: Ground) -> list[Candidate]:
    """Give what the device's sources have and nothing was decided about, in the order of announcing: first what came
    into mailboxes that it knows, by first-seen, then mailboxes that are new to it, one after the other, by UID.

    Looks only at what was not looked at before, and at what was left undecided then; notes in the record what it saw.
    """
    waiting = dict.fromkeys(record.examined.waiting)
    for part in ground.parts:
        _examine(record, part, waiting)
    located = [(seq, *where) for seq in waiting if (where := ground.locate(seq)) is not None]
    record.examined = Examined(
        parts={(part.key, part.uidvalidity): (part, ground.searched(at)) for at, part in enumerate(ground.parts)},
        waiting=array("q", [seq for seq, _, _ in located]),
    )
    return sorted(found for one in located if (found := ground.candidate(*one)) is not None)


def _examine(record: DeviceRecord, part: MailboxSnapshot, waiting: dict[int, None]) -> None:
    """Add the undecided among those rows of a part that were not looked at before."""
    decided, hidden, listed, copies = record.decided, record.hidden, record.listed, record.copies
    for seq in _unseen(record, part):
        if seq not in decided:
            waiting[seq] = None
        elif not (seq in hidden or seq in listed or seq in copies):
            record.incomplete = True


def _unseen(record: DeviceRecord, part: MailboxSnapshot) -> Sequence[int]:
    before = record.examined.parts.get((part.key, part.uidvalidity))
    if before is not None and part.continues(before[0]):
        return part.seqs[len(before[0]) :]
    # Rows went, or came in between, as a moved message does, which keeps its number. Set against set this is quick.
    return sorted(set(part.seqs).difference(record.order))
