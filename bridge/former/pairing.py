"""Which of the messages that popbridge shows is which of the former server's. Pure."""

from collections import Counter, deque
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bridge.former.formats import Format, computed
from bridge.former.records import UNIQUE_ID, Candidate, FormerMessage
from bridge.identity import content_identity
from bridge.model.names import EntrySeq, Uidl

TRIES = 300_000
"""Digests made to pair messages without a Message-ID, whose identity has a date in it that POP3 does not tell: seconds
of work, and enough for five hundred of them on each side."""

BY_IDENTITY = "identity"
"""What `Pairing.ways` calls ids that were found by what the messages are."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """What a former server's unique-ids belong to.

    `pairs` are new: entries and the ids they get. `same` counts ids that their messages have already. `ways` counts
    the new ones by how they were found: a format's name, or `BY_IDENTITY`. `unpaired` are ids that no message was found
    for, `repeated` those that were given to several messages and that one gets, `forbidden` what POP3 does not allow as
    an id, `late` those of messages that the device has fetched from popbridge already. `new` are messages without a
    former id.
    """

    pairs: tuple[tuple[EntrySeq, Uidl], ...] = ()
    same: int = 0
    ways: Mapping[str, int] = field(default_factory=dict)
    unpaired: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    new: tuple[Candidate, ...] = ()


class Known:
    """What is known on popbridge's side: the messages of a device's sources, ids from an earlier import, which stay,
    and what the device has `fetched` from popbridge: its program knows these messages by popbridge's ids now.

    A message that lies in several places is told once; the order is the device's.
    """

    def __init__(
        self,
        candidates: Sequence[Candidate],
        aliases: Mapping[EntrySeq, Uidl],
        fetched: Container[EntrySeq] = frozenset(),
    ) -> None:
        self.fetched = fetched
        ordered = sorted(candidates, key=lambda each: (each.source, each.uidvalidity, each.uid))
        first: dict[EntrySeq, Candidate] = {}
        for candidate in ordered:
            first.setdefault(candidate.seq, candidate)
        self.candidates = tuple(first.values())
        self.free = [each for each in self.candidates if each.seq not in aliases]
        self.ids = {str(aliases.get(each.seq, each.uidl)) for each in self.candidates}

    def computed(self, ids: Sequence[str], formats: Sequence[Format], *, asked_for: bool) -> Mapping[str, Candidate]:
        """Find the messages of ids that follow from where messages lie, leaving out what has its id already."""
        found = computed(formats, set(ids) - self.ids, self.free, asked_for=asked_for)
        return {uidl: candidate for uidl, (candidate, _) in found.items()}


def pair(
    messages: Sequence[FormerMessage], known: Known, formats: Sequence[Format], *, asked_for: bool = False
) -> Pairing:
    """Pair the former server's messages, in its order, with those that popbridge shows, in the device's.

    First by ids that follow from where messages lie (`asked_for` as for `computed`), then by identity: of several that
    are equal the first goes with the first.
    """
    allowed = [message for message in messages if UNIQUE_ID.fullmatch(message.uidl)]
    times = Counter(message.uidl for message in allowed)
    left = {message.uidl: message for message in reversed(allowed) if message.uidl not in known.ids}
    pairs = _pairs(left, known, formats, asked_for=asked_for)
    late = [uidl for uidl in times if uidl in pairs and pairs[uidl].seq in known.fetched]
    given = {uidl: found.seq for uidl, found in pairs.items() if found.seq not in known.fetched}
    named = {found.seq for found in pairs.values()}
    return Pairing(
        pairs=tuple((given[uidl], Uidl(uidl)) for uidl in times if uidl in given),
        same=sum(uidl in known.ids for uidl in times),
        ways=Counter(pairs[uidl].way for uidl in given),
        unpaired=tuple(uidl for uidl in times if uidl not in pairs and uidl not in known.ids),
        repeated=tuple(uidl for uidl, count in times.items() if count > 1),
        late=tuple(late),
        forbidden=tuple(message.uidl for message in messages if not UNIQUE_ID.fullmatch(message.uidl)),
        new=tuple(each for each in known.free if each.seq not in named and each.uidl not in times),
    )


class _Found(NamedTuple):
    seq: EntrySeq
    way: str


def _pairs(
    left: Mapping[str, FormerMessage], known: Known, formats: Sequence[Format], *, asked_for: bool
) -> dict[str, _Found]:
    by_place = computed(formats, left, known.free, asked_for=asked_for)
    pairs = {uidl: _Found(candidate.seq, name) for uidl, (candidate, name) in by_place.items()}
    taken = {found.seq for found in pairs.values()}
    rest = sorted((left[uidl] for uidl in left if uidl not in pairs), key=lambda message: message.number)
    for uidl, seq in _by_identity(rest, [each for each in known.free if each.seq not in taken]):
        pairs[uidl] = _Found(seq, BY_IDENTITY)
    return pairs


def told(uidls: Sequence[str]) -> list[FormerMessage]:
    """Give messages of which nothing but their unique-ids is known."""
    return [FormerMessage(number, uidl) for number, uidl in enumerate(uidls, 1)]


def assumed(form: Format, known: Known, *, inbox: bool) -> list[FormerMessage]:
    """Give the ids that the messages had if a format is what the former server used; with `inbox` those in an INBOX."""
    chosen = [each for each in known.candidates if each.inbox or not inbox]
    return told([uidl for each in chosen if (uidl := form.of(each))])


def contradicted(by_place: Mapping[str, Candidate], messages: Sequence[FormerMessage]) -> bool:
    """Tell whether a message that was looked at is another than the one its id was taken for."""
    looked_at = {message.uidl: message.identity for message in messages if message.identity.startswith("m")}
    return any(
        uidl in looked_at and candidate.content.startswith("m") and candidate.content != looked_at[uidl]
        for uidl, candidate in by_place.items()
    )


def _by_identity(messages: Sequence[FormerMessage], candidates: Sequence[Candidate]) -> Iterator[tuple[str, EntrySeq]]:
    waiting: dict[str, deque[Candidate]] = {}
    for candidate in candidates:
        waiting.setdefault(candidate.content, deque()).append(candidate)
    dates = sorted({candidate.date for candidate in candidates if candidate.content.startswith("d")})
    tries = TRIES
    for message in messages:
        if message.identity.startswith("m"):
            identities = [message.identity]
        elif message.fields and tries >= len(dates):
            tries -= len(dates)
            identities = [content_identity(message.fields, date) for date in dates]
        else:
            continue
        for identity in identities:
            if waiting.get(identity):
                yield message.uidl, waiting[identity].popleft().seq
                break
