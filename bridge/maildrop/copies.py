"""Copies of one message in several mailboxes: which of them a device is shown, and which takes over when that goes."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
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

LOOKS = 256
"""Groups of one identity that a message is compared with: where there are more, some copies are shown rather than that
somebody who sends one message again and again can keep the bridge busy."""

NOTHING = bytes(OCTETS)


def heirs(record: DeviceRecord, ground: Ground) -> list[Succession]:
    """Give which copies take the places of originals that are in no source any more.

    Of several copies the one that stands first inherits. The unique-id is empty where only the store knows it.
    """
    originals = {original for _, original in record.copies.pairs()}
    gone = originals.difference(*(part.seqs for part in ground.parts))
    # What is decided, and neither hidden nor a copy itself, has a position.
    gone = {seq for seq in gone if seq in record.decided and seq not in record.hidden and seq not in record.copies}
    standing: dict[int, tuple[tuple[int, int], int]] = {}
    for copy, original in record.copies.pairs() if gone else ():
        if original in gone and copy not in record.hidden and (where := ground.locate(copy)) is not None:
            standing[original] = min(standing.get(original, (where, copy)), (where, copy))
    return [
        Succession(EntrySeq(original), EntrySeq(copy), record.name(EntrySeq(original)))
        for original, (_, copy) in sorted(standing.items())
    ]


class Member(NamedTuple):
    """One message among its copies. An identity that there is not is empty."""

    key: MailboxKey
    provider: bytes
    content: bytes


class Group:
    """Copies of one message: the one that is shown, or was, and those that are known to be there."""

    __slots__ = ("head", "members")

    def __init__(self, head: EntrySeq) -> None:
        self.head = head
        self.members: list[Member] = []

    def in_mailbox(self, key: MailboxKey) -> bool:
        """True when one of them is in this mailbox."""
        return any(member.key == key for member in self.members)

    def parted_from(self, one: Member) -> bool:
        """True when the provider says of one of them that it is another message."""
        return any(
            one.provider and other.provider and one.provider != other.provider and one.key.account == other.key.account
            for other in self.members
        )


class Like:
    """The groups of one identity, in order: as many as one mailbox has messages of that identity, which may be many."""

    __slots__ = ("_groups", "_heads", "_starts")

    def __init__(self, first: Group) -> None:
        self._groups = [first]
        self._heads = {first.head}
        self._starts: dict[MailboxKey, int] = {}

    def add(self, group: Group) -> None:
        """Take in a group, once."""
        if group.head not in self._heads:
            self._heads.add(group.head)
            self._groups.append(group)

    def for_copy_in(self, key: MailboxKey) -> Iterator[Group]:
        """Give groups that have no copy in a mailbox, but not without end."""
        groups = self._groups
        start = self._starts.get(key, 0)
        # The first ones fill up first: what is full for a mailbox stays so, and is not looked at again.
        while start < len(groups) and groups[start].in_mailbox(key):
            start += 1
        self._starts[key] = start
        return (group for group in groups[start : start + LOOKS] if not group.in_mailbox(key))


class Sorted(NamedTuple):
    """Candidates by what is known of them: `new`, `unknown` until their identity is, and copies with their original."""

    new: list[Candidate]
    unknown: list[Candidate]
    copies: list[tuple[EntrySeq, EntrySeq]]


def sort_out(
    device: DeviceSettings,
    record: DeviceRecord,
    ground: Ground,
    inherited: Iterable[Succession],
    new: list[Candidate],
    heirs: Sequence[Candidate] = (),
) -> Sorted:
    """Tell copies from messages. `inherited` are the successions of this login, `heirs` those who inherit and were no
    copies before. Candidates keep their order.
    """
    if device.deduplicate == "off" or not new:
        return Sorted(new, [], [])
    scope = _Scope(device, ground)
    ready = [one for one in new if scope.ready(one)]
    unknown = [one for one in new if not scope.ready(one)] if len(ready) < len(new) else []
    groups = _Groups(device.deduplicate, record, ground, {each.original: each.copy for each in inherited})
    heads = groups.heads([one for one in ready if not scope.alone(one.part)], heirs)
    return Sorted(
        [one for one in ready if heads.get(one.seq, one.seq) == one.seq],
        unknown,
        [(copy, head) for copy, head in heads.items() if head != copy],
    )


def without_copies(device: DeviceSettings, ground: Ground) -> bool:
    """True when no message of the device's sources can be a copy of another."""
    if device.deduplicate == "off":
        return True
    scope = _Scope(device, ground)
    return all(map(scope.alone, range(len(ground.parts))))


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
        self._record = record
        self._parts = ground.parts
        self._inherited = inherited
        accounts = {part.key.account for part in ground.parts}
        self._others = {account: accounts - {account} if scope == "all" else set() for account in accounts}
        self._like: dict[object, Group | Like] = {}
        self._by_head: dict[EntrySeq, Group] = {}

    def heads(self, candidates: Sequence[Candidate], heirs: Iterable[Candidate] = ()) -> dict[EntrySeq, EntrySeq]:
        """Give the message that each candidate is a copy of: itself when it is the first of its kind. Messages of one
        mailbox are never copies of each other.
        """
        members = [self._member(one.part, one.place) for one in candidates]
        if len(self._record.decided):
            self._take_known(members)
        for one in heirs:
            self._add(self._group(one.seq), self._member(one.part, one.place))
        found: dict[EntrySeq, EntrySeq] = {}
        for one, member in zip(candidates, members, strict=True):
            group = self._fitting(member) or self._group(one.seq)
            self._add(group, member)
            found[one.seq] = group.head
        return found

    def _take_known(self, members: Sequence[Member]) -> None:
        """Gather what the device's sources have of the same messages and is decided."""
        providers, contents = {one.provider for one in members} - {b""}, {one.content for one in members} - {b""}
        for at, part in enumerate(self._parts):
            found = {*_rows(part.providers, providers), *_rows(part.contents, contents)}
            for place in sorted(found):
                if (seq := EntrySeq(part.seqs[place])) in self._record.decided:
                    self._add(self._group(self._head(seq)), self._member(at, place))

    def _fitting(self, member: Member) -> Group | None:
        for identity in self._asked(member):
            known = self._like.get(identity)
            if known is None:
                continue
            for group in [known] if isinstance(known, Group) else known.for_copy_in(member.key):
                if not group.in_mailbox(member.key) and not group.parted_from(member):
                    return group
        return None

    def _head(self, seq: EntrySeq) -> EntrySeq:
        head = self._record.copies.original(seq) or seq
        return self._inherited.get(head, head)

    def _group(self, head: EntrySeq) -> Group:
        if (group := self._by_head.get(head)) is None:
            group = self._by_head[head] = Group(head)
        return group

    def _member(self, at: int, place: int) -> Member:
        part = self._parts[at]
        provider, content = part.provider(place), part.content(place)
        return Member(part.key, b"" if provider == NOTHING else provider, b"" if content == NOTHING else content)

    def _add(self, group: Group, member: Member) -> None:
        group.members.append(member)
        for identity in self._filed(member):
            known = self._like.setdefault(identity, group)
            if isinstance(known, Like):
                known.add(group)
            elif known is not group:
                like = self._like[identity] = Like(known)
                like.add(group)

    def _filed(self, member: Member) -> list[object]:
        """Give the identities that a message is found by: the content's with whether the provider has one, too."""
        key, provider, content = member
        if not content:
            return [(key.account, provider)] if provider else []
        if not provider:
            return [(key.account, content, False)]
        return [(key.account, provider), (key.account, content, True)]

    def _asked(self, member: Member) -> list[object]:
        """Give the identities that copies of a message are found by. Within an account its provider's identity decides,
        where both have one; else the content's.
        """
        key, provider, content = member
        asked: list[object] = [(key.account, provider)] if provider else []
        if content:
            asked.append((key.account, content, False))
            if not provider:
                asked.append((key.account, content, True))
            asked += [(other, content, has) for other in self._others[key.account] for has in (False, True)]
        return asked


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
