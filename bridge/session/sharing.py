"""Sharing what is read ahead: devices that come for the same messages at about the same time cost one fetch."""

from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from bridge.model.failures import UpstreamError
from bridge.model.names import Uid, UidValidity
from bridge.model.places import MailboxKey
from bridge.session.ahead import WHOLE_OCTETS, Allowance, Batches, FetchTogether, Sink
from bridge.telemetry import count

KEPT_OCTETS = 4_000_000
"""Octets kept for others, at most: what a household's devices find new at one time, and not a whole maildrop."""

KEPT_SHARE = 8
"""And at most this part of what all sessions may hold."""

Place = tuple[MailboxKey, UidValidity, Uid, int]
"""A message, with the octets it was listed with: of another length it is not the same."""


@dataclass(slots=True)
class _Coming:
    """A message under way: for whom it is fetched, and who else waits for it."""

    owner: "SharedBatches"
    others: "list[SharedBatches]" = field(default_factory=list)


class SharedFetches:
    """A `FetchTogether` for all sessions, over one that fetches.

    A message that is under way for one session is not asked for again by another. What came is kept as long as any
    session reads ahead, the last few megabytes of it, which count as taken from the `allowance`. Sessions share the
    same octets, so what is kept costs no more while a session holds it too.
    """

    def __init__(self, fetch: FetchTogether, allowance: Allowance, kept_octets: int = KEPT_OCTETS) -> None:
        self._fetch = fetch
        self._allowance = allowance
        self._most = kept_octets
        self._open: set[SharedBatches] = set()
        self._kept: OrderedDict[Place, list[bytes]] = OrderedDict()
        self._octets = 0
        self._coming: dict[Place, _Coming] = {}

    def __call__(self, key: MailboxKey, uidvalidity: UidValidity, sink: Sink) -> "SharedBatches":
        """Give what fetches messages of a mailbox for one session. Raises what the fetching one raises."""
        batches = SharedBatches(self, key, uidvalidity, sink)
        batches.inner = self._fetch(key, uidvalidity, batches)
        self._open.add(batches)
        return batches

    def forget(self) -> None:
        """Keep nothing of what came so far: its account may be another now."""
        self._allowance.give_back(self._octets)
        self._octets = 0
        self._kept.clear()

    # --- for SharedBatches

    def find(self, place: Place) -> list[bytes] | None:
        """Give a message that is kept."""
        if (text := self._kept.get(place)) is not None:
            self._kept.move_to_end(place)
        return text

    def join(self, place: Place, batches: "SharedBatches") -> bool:
        """Tell whether a message is under way already: then this one will hear of it, too. Else it is the one that has
        to ask for it.
        """
        coming = self._coming.get(place)
        if coming is None:
            self._coming[place] = _Coming(batches)
            return False
        if batches is not coming.owner and batches not in coming.others:
            coming.others.append(batches)
        return True

    def arrived(self, place: Place, text: list[bytes]) -> None:
        """Give a message to all that wait for it, and keep it."""
        self._keep(place, text)
        for batches in self._waiting(place):
            batches.give(place, text)

    def missing(self, place: Place, failure: UpstreamError | None) -> None:
        """Tell all that wait for a message that it does not come."""
        for batches in self._waiting(place):
            batches.miss(place, failure)

    def close(self, batches: "SharedBatches", places: Collection[Place]) -> None:
        """One does not want these any more; others that do ask for them themselves. Done again, it does nothing."""
        if batches not in self._open:
            return
        self._open.discard(batches)
        orphans: dict[SharedBatches, list[Place]] = {}
        for place in places:
            if (heir := self._leave(place, batches)) is not None:
                orphans.setdefault(heir, []).append(place)
        for heir, wanted in orphans.items():
            heir.ask_for(wanted)
        if not self._open:
            self.forget()

    def _leave(self, place: Place, batches: "SharedBatches") -> "SharedBatches | None":
        """Take one out of those that wait for a message; give who has to ask for it now, if anybody does."""
        coming = self._coming[place]
        if coming.owner is not batches:
            coming.others.remove(batches)
            return None
        if not coming.others:
            del self._coming[place]
            return None
        coming.owner = coming.others.pop(0)
        return coming.owner

    def _waiting(self, place: Place) -> "list[SharedBatches]":
        coming = self._coming.pop(place)
        return [coming.owner, *coming.others]

    def _keep(self, place: Place, text: list[bytes]) -> None:
        octets = sum(map(len, text))
        most = min(self._most, self._allowance.total // KEPT_SHARE)
        if octets > most:
            return
        while self._octets + octets > most or not self._allowance.take(octets):
            if not self._kept:
                return
            _, oldest = self._kept.popitem(last=False)
            self._octets -= (dropped := sum(map(len, oldest)))
            self._allowance.give_back(dropped)
        self._kept[place] = text
        self._octets += octets


class SharedBatches:
    """One session's share: `Batches` towards the session, and the `Sink` of those that fetch."""

    def __init__(self, shared: SharedFetches, key: MailboxKey, uidvalidity: UidValidity, sink: Sink) -> None:
        self.inner: Batches | None = None
        self._shared = shared
        self._key = key
        self._uidvalidity = uidvalidity
        self._sink = sink
        self._wanted: dict[Uid, Place] = {}

    def ask(self, sizes: Mapping[Uid, int]) -> None:
        """Ask for messages: what is kept arrives at once, and what is on its way to another when that gets it."""
        own: list[Place] = []
        for uid, size in sizes.items():
            place = (self._key, self._uidvalidity, uid, size)
            if (text := self._shared.find(place)) is not None:
                count("read_ahead_shared")
                self._sink.arrived(uid, text)
                continue
            self._wanted[uid] = place
            if self._shared.join(place, self):
                count("read_ahead_shared")
            else:
                own.append(place)
        self.ask_for(own)

    def ask_for(self, places: Collection[Place]) -> None:
        """Have these fetched, for this session and whoever else waits for them."""
        if places and self.inner is not None:
            self.inner.ask({uid: size for _, _, uid, size in places})

    def close(self) -> None:
        """Give up what has not come; the sink hears nothing more."""
        if self.inner is not None:
            self.inner.close()
        wanted = list(self._wanted.values())
        self._wanted.clear()
        self._shared.close(self, wanted)

    def give(self, place: Place, text: list[bytes]) -> None:
        """Hand on a message that came."""
        if self._wanted.pop(place[2], None) is not None:
            self._sink.arrived(place[2], text)

    def miss(self, place: Place, failure: UpstreamError | None) -> None:
        """Hand on that a message does not come."""
        if self._wanted.pop(place[2], None) is not None:
            self._sink.missing([place[2]], failure)

    # --- what those that fetch tell

    def arrived(self, uid: Uid, text: list[bytes]) -> None:
        """Take a message: a short one in one piece from now on, for all."""
        if (place := self._wanted.get(uid)) is not None:
            short = len(text) > 1 and sum(map(len, text)) <= WHOLE_OCTETS
            self._shared.arrived(place, [b"".join(text)] if short else text)

    def missing(self, uids: Collection[Uid], failure: UpstreamError | None) -> None:
        """Hear that these do not come."""
        for uid in uids:
            if (place := self._wanted.get(uid)) is not None:
                self._shared.missing(place, failure)
