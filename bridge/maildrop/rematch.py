"""Which new place is where a vanished message went: after a move, a new UIDVALIDITY, or a change of provider."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from bridge.model.names import EntrySeq, Uid, UidValidity
from bridge.model.places import NO_IDENTITY, MailboxKey, OldPlace


class NewPlace(NamedTuple):
    """A place that the last look found for the first time. `size` and `date` as listed, identities as stored."""

    key: MailboxKey
    uidvalidity: UidValidity
    uid: Uid
    size: int
    date: int
    provider: str
    content: str


Place = OldPlace | NewPlace


def pair(old: Sequence[OldPlace], new: Sequence[NewPlace]) -> dict[int, EntrySeq]:
    """Give the entries that new places inherit, by their index in `new`. What is not in it is a new message.

    Equal are places of one provider's identity; of what is left then, those of one content identity, for a change of
    provider changes all its ids. Within one identity places pair in the order of their UIDs: what vanished just now
    before what vanished earlier, in the same mailbox before another, of equal size before the rest. An entry is
    inherited once. Where the vanished of several mailboxes are more than the places that they may have gone to, nobody
    can say which of them lives on: those places are new.
    """
    pairing = _Pairing(old, new)
    pairing.match(lambda place: place.provider)
    pairing.match(lambda place: "" if place.content == NO_IDENTITY else place.content)
    return pairing.found


class _Pairing:
    """What is paired so far. The outcome does not depend on the order of what it is given."""

    def __init__(self, old: Sequence[OldPlace], new: Sequence[NewPlace]) -> None:
        self.found: dict[int, EntrySeq] = {}
        self._old = old
        self._new = new
        self._taken: set[EntrySeq] = set()

    def match(self, identity: Callable[[Place], str]) -> None:
        """Pair what is left by one kind of identity."""
        old: defaultdict[str, list[OldPlace]] = defaultdict(list)
        for place in self._old:
            if place.seq not in self._taken and (text := identity(place)):
                old[text].append(place)
        new: defaultdict[str, list[int]] = defaultdict(list)
        for at, arrived in enumerate(self._new):
            if at not in self.found and (text := identity(arrived)) in old:
                new[text].append(at)
        # Sorted, because an entry may have had places of two identities.
        for text in sorted(new):
            self._group(old[text], new[text])

    def _group(self, old: list[OldPlace], new: list[int]) -> None:
        """Pair places of one identity."""
        if len(old) == len(new) == 1:
            self._inherit(new[0], old)
            return
        old.sort(key=lambda place: (_order(place), place.seq))
        new.sort(key=lambda at: _order(self._new[at]))
        for live in (True, False):
            places = [place for place in old if place.live is live]
            self._within(places, new)
            if not self._across(places, new):
                return

    def _within(self, old: Sequence[OldPlace], new: Iterable[int]) -> None:
        """Pair what stayed in its mailbox."""
        there: defaultdict[MailboxKey, list[OldPlace]] = defaultdict(list)
        for place in old:
            there[place.key].append(place)
        arrived: defaultdict[MailboxKey, list[int]] = defaultdict(list)
        for at in new:
            if at not in self.found:
                arrived[self._new[at].key].append(at)
        for key in arrived:
            self._settle(there[key], arrived[key])

    def _across(self, old: Iterable[OldPlace], new: Iterable[int]) -> bool:
        """Pair what moved from one mailbox to another; False when nobody can say what moved."""
        left = [place for place in old if place.seq not in self._taken]
        open_ = [at for at in new if at not in self.found]
        entries = {place.seq for place in left}
        if open_ and len(entries) > len(open_) and len({place.key for place in left}) > 1:
            return False
        self._settle(left, open_)
        return True

    def _settle(self, old: list[OldPlace], new: list[int]) -> None:
        """Pair in order: those of equal size first, then the rest as they come."""
        by_size: defaultdict[int, list[OldPlace]] = defaultdict(list)
        for place in reversed(old):
            by_size[place.size].append(place)
        for at in new:
            self._inherit(at, by_size[self._new[at].size])
        rest = old[::-1]
        for at in new:
            self._inherit(at, rest)

    def _inherit(self, at: int, candidates: list[OldPlace]) -> None:
        """Give the place the last candidate whose entry is still to be had; those before it are used up."""
        while at not in self.found and candidates:
            entry = candidates.pop().seq
            if entry not in self._taken:
                self._taken.add(entry)
                self.found[at] = entry


def _order(place: Place) -> tuple[MailboxKey, int, int]:
    return place.key, place.uidvalidity, place.uid
