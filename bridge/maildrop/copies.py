"""Copies of one message in several mailboxes: which of them a device is shown, and which takes over when that goes."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from struct import iter_unpack
from typing import NamedTuple

from bridge.maildrop.columns import OCTETS
from bridge.maildrop.device import DeviceRecord
from bridge.maildrop.ground import Candidate, Ground
from bridge.model.devices import Succession
from bridge.model.names import AccountId, EntrySeq
from bridge.model.places import MailboxKey
from bridge.model.settings import Deduplicate, DeviceSettings

FEW = 32
"""Messages looked for one by one in a column of identities; more are looked for all at once."""

NOTHING = bytes(OCTETS)


def heirs(record: DeviceRecord, ground: Ground, leaving: Iterable[EntrySeq]) -> list[Succession]:
    """Give which copies take the places of originals that are in no source any more, and are not `leaving` anyway.

    Of several copies the one that stands first inherits. The unique-id is empty where only the store knows it.
    """
    originals = {original for _, original in record.copies.pairs()}
    gone = originals.difference(*(part.seqs for part in ground.parts))
    # What is decided, and neither hidden nor a copy itself, has a position.
    gone = {seq for seq in gone if seq in record.decided and seq not in record.hidden and seq not in record.copies}
    gone.difference_update(leaving)
    standing: dict[int, tuple[tuple[int, int], int]] = {}
    for copy, original in record.copies.pairs() if gone else ():
        if original in gone and copy not in record.hidden and (where := ground.locate(copy)) is not None:
            standing[original] = min(standing.get(original, (where, copy)), (where, copy))
    return [
        Succession(EntrySeq(original), EntrySeq(copy), record.name(EntrySeq(original)))
        for original, (_, copy) in sorted(standing.items())
    ]


class Member(NamedTuple):
    """One message among its copies."""

    key: MailboxKey
    provider: bytes
    content: bytes


@dataclass(slots=True)
class Group:
    """Copies of one message: the one that is shown, or was, and those that are known to be there."""

    head: EntrySeq
    members: list[Member] = field(default_factory=list)


class Sorted(NamedTuple):
    """Candidates by what is known of them: `new`, `unknown` until their identity is, and copies with their original."""

    new: list[Candidate]
    unknown: list[Candidate]
    copies: list[tuple[EntrySeq, EntrySeq]]


def sort_out(
    device: DeviceSettings, record: DeviceRecord, ground: Ground, inherited: Iterable[Succession], new: list[Candidate]
) -> Sorted:
    """Tell copies from messages. `inherited` are the successions of this login. Candidates keep their order."""
    if device.deduplicate == "off" or not new:
        return Sorted(new, [], [])
    scope = _Scope(device, ground)
    ready = [one for one in new if scope.ready(one)]
    unknown = [one for one in new if not scope.ready(one)] if len(ready) < len(new) else []
    groups = _Groups(device.deduplicate, record, ground, {each.original: each.copy for each in inherited})
    alone = [scope.alone(at) for at in range(len(ground.parts))]
    groups.take_known([one for one in ready if not alone[one.part]])
    heads = [one.seq if alone[one.part] else groups.join(one) for one in ready]
    pairs = list(zip(ready, heads, strict=True))
    return Sorted(
        [one for one, head in pairs if head == one.seq],
        unknown,
        [(one.seq, head) for one, head in pairs if head != one.seq],
    )


class _Scope:
    """How far the device's search for copies goes."""

    def __init__(self, device: DeviceSettings, ground: Ground) -> None:
        self._ground = ground
        mailboxes: defaultdict[AccountId, set[object]] = defaultdict(set)
        named: defaultdict[AccountId, set[object]] = defaultdict(set)
        for part in ground.parts:
            mailboxes[part.key.account].add(part.key)
        # One that is not listed yet counts: what is shown now may have a copy there.
        for source in device.sources:
            named[source.account].add(source.mailbox)
        accounts = {*mailboxes, *named}
        self._several = {account: max(len(mailboxes[account]), len(named[account])) > 1 for account in accounts}
        self._everywhere = device.deduplicate == "all" and len(accounts) > 1
        self._provided = {
            account: all(part.providers or not len(part) for part in ground.parts if part.key.account == account)
            for account in accounts
        }

    def alone(self, at: int) -> bool:
        """True when messages of a part have no other mailbox to be copies in."""
        return not self._everywhere and not self._several[self._ground.parts[at].key.account]

    def ready(self, one: Candidate) -> bool:
        """True when it is known what the message is, as far as it takes to tell whether it is a copy."""
        part = self._ground.parts[one.part]
        if part.identified[one.place] or self.alone(one.part):
            return True
        provided = self._provided[part.key.account] and part.provider(one.place) not in (b"", NOTHING)
        return provided and not self._everywhere


class _Groups:
    """The copies known so far, by identity."""

    def __init__(
        self, scope: Deduplicate, record: DeviceRecord, ground: Ground, inherited: dict[EntrySeq, EntrySeq]
    ) -> None:
        self._everywhere = scope == "all"
        self._record = record
        self._ground = ground
        self._inherited = inherited
        self._by_identity: defaultdict[object, dict[EntrySeq, Group]] = defaultdict(dict)
        self._by_head: dict[EntrySeq, Group] = {}

    def take_known(self, candidates: Sequence[Candidate]) -> None:
        """Gather what the device's sources have of the same messages and is decided."""
        members = [self._member(one.part, one.place) for one in candidates]
        wanted = (
            {one.provider for one in members} - {b"", NOTHING},
            {one.content for one in members} - {b"", NOTHING},
        )
        for at, part in enumerate(self._ground.parts):
            found = {*_rows(part.providers, wanted[0]), *_rows(part.contents, wanted[1])}
            for place in sorted(found):
                if (seq := EntrySeq(part.seqs[place])) in self._record.decided:
                    self._add(self._group(self._head(seq)), self._member(at, place))

    def join(self, one: Candidate) -> EntrySeq:
        """Give the message that the candidate is a copy of: itself when it is the first of its kind. Messages of one
        mailbox are never copies of each other.
        """
        member = self._member(one.part, one.place)
        found = next((group for group in self._like(member) if self._fits(member, group)), None)
        group = found or self._group(one.seq)
        self._add(group, member)
        return group.head

    def _head(self, seq: EntrySeq) -> EntrySeq:
        head = self._record.copies.original(seq) or seq
        return self._inherited.get(head, head)

    def _group(self, head: EntrySeq) -> Group:
        return self._by_head.setdefault(head, Group(head))

    def _member(self, at: int, place: int) -> Member:
        part = self._ground.parts[at]
        return Member(part.key, part.provider(place), part.content(place))

    def _add(self, group: Group, member: Member) -> None:
        group.members.append(member)
        for identity in self._identities(member):
            self._by_identity[identity][group.head] = group

    def _like(self, member: Member) -> Iterator[Group]:
        for identity in self._identities(member):
            yield from self._by_identity[identity].values()

    def _fits(self, one: Member, group: Group) -> bool:
        """True when it is a copy of one of them, and none of them is in its mailbox, or another message for sure."""
        told = [self._same(one, other) for other in group.members]
        apart = any(one.key == other.key or _told_apart(one, other) for other in group.members)
        return any(told) and not apart

    def _identities(self, member: Member) -> Iterator[object]:
        if member.provider not in (b"", NOTHING):
            yield member.key.account, member.provider
        if member.content not in (b"", NOTHING):
            yield member.content

    def _same(self, one: Member, other: Member) -> bool:
        """Within an account its provider's identity decides, where both have one; else the content's."""
        within = one.key.account == other.key.account
        if within and one.provider not in (b"", NOTHING) and one.provider == other.provider:
            return True
        content = one.content not in (b"", NOTHING) and one.content == other.content
        return content and (within or self._everywhere)


def _told_apart(one: Member, other: Member) -> bool:
    """True when their provider says that they are two messages."""
    providers = {one.provider, other.provider}
    return one.key.account == other.key.account and len(providers - {b"", NOTHING}) == 2


def _rows(column: bytes, wanted: set[bytes]) -> Iterator[int]:
    """Give the places of these identities in a column."""
    if not column or not wanted:
        return
    if len(wanted) > FEW:
        yield from (at for at, (digest,) in enumerate(iter_unpack(f"{OCTETS}s", column)) if digest in wanted)
        return
    for digest in wanted:
        at = column.find(digest)
        while at >= 0:
            if at % OCTETS == 0:
                yield at // OCTETS
            at = column.find(digest, at + 1)
