"""Where vanished messages went: one entry to one place, never another message's, and always the same way."""

from collections import Counter
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.maildrop import NewPlace, pair
from bridge.model.names import EntrySeq, MailboxName, Uid, UidValidity
from bridge.model.places import NO_IDENTITY, MailboxKey, OldPlace
from tests.maildrop.support import INBOX, JUNK, KEYS, identity

X, Y = identity("x"), identity("y")
SAVED = MailboxKey(INBOX.account, MailboxName("Saved"))


def old(
    seq: int,
    content: str = X,
    *,
    key: MailboxKey = INBOX,
    uid: int = 0,
    size: int = 9,
    provider: str = "",
    live: bool = True,
) -> OldPlace:
    """A place that lost its message; UID and sequence number are the same unless told otherwise."""
    return OldPlace(EntrySeq(seq), key, UidValidity(1), Uid(uid or seq), size, 0, provider, content, live)


def new(uid: int, content: str = X, *, key: MailboxKey = INBOX, size: int = 9, provider: str = "") -> NewPlace:
    """A place found for the first time."""
    return NewPlace(key, UidValidity(2), Uid(uid), size, 0, provider, content)


CASES = {
    "nothing": ([], [], {}),
    "the same message": ([old(1)], [new(9)], {0: 1}),
    "another message": ([old(1)], [new(9, Y)], {}),
    "no identity is no other's": ([old(1, NO_IDENTITY)], [new(9, NO_IDENTITY)], {}),
    "an unknown identity is no other's": ([old(1, "")], [new(9, "")], {}),
    "in UID order": ([old(1), old(2)], [new(8), new(9)], {0: 1, 1: 2}),
    "in UID order, not as given": ([old(2), old(1)], [new(9), new(8)], {0: 2, 1: 1}),
    "the surplus is new": ([old(1)], [new(8), new(9)], {0: 1}),
    "the surplus is gone": ([old(1), old(2)], [new(9)], {0: 1}),
    "size breaks ties": ([old(1, size=5), old(2, size=6)], [new(8, size=6), new(9, size=5)], {0: 2, 1: 1}),
    "size only breaks ties": ([old(1, size=5)], [new(8, size=6)], {0: 1}),
    "of equal size first, then in UID order": (
        [old(1, size=5), old(2, size=6), old(3, size=7)],
        [new(7, size=9), new(8, size=6), new(9, size=9)],
        {0: 1, 1: 2, 2: 3},
    ),
    "the provider's identity": (
        [old(1, "", provider="gmail:1"), old(2, "", provider="gmail:2")],
        [new(8, "", provider="gmail:2"), new(9, "", provider="gmail:1")],
        {0: 2, 1: 1},
    ),
    "the provider's identity goes before the content's": (
        [old(1, provider="gmail:1"), old(2, provider="gmail:2")],
        [new(8, provider="gmail:2")],
        {0: 2},
    ),
    "copies of one EMAILID in one mailbox": (
        [old(1, provider="emailid:a"), old(2, provider="emailid:a")],
        [new(8, provider="emailid:a"), new(9, provider="emailid:a")],
        {0: 1, 1: 2},
    ),
    "a new provider": ([old(1, provider="gmail:1")], [new(8, provider="emailid:a")], {0: 1}),
    "a provider without identities": ([old(1, provider="gmail:1")], [new(8)], {0: 1}),
    "what the provider left over pairs by content": (
        [old(1, provider="gmail:1"), old(2, provider="gmail:2")],
        [new(8, provider="gmail:1"), new(9)],
        {0: 1, 1: 2},
    ),
    "moved": ([old(1)], [new(9, key=JUNK)], {0: 1}),
    "moved, with copies": ([old(1)], [new(9, key=JUNK), new(9, key=SAVED)], {0: 1}),
    "the same mailbox first": ([old(1, key=JUNK), old(2)], [new(9)], {0: 2}),
    "the same mailbox first, whatever the size": ([old(1, key=JUNK), old(2, size=1)], [new(9)], {0: 2}),
    "what vanished now first": ([old(1, live=False), old(2)], [new(9)], {0: 2}),
    "what vanished now first, also from elsewhere": ([old(1, live=False), old(2, key=JUNK)], [new(9)], {0: 2}),
    "what vanished earlier": ([old(1, live=False)], [new(9, key=JUNK)], {0: 1}),
    "an entry with two places is inherited once": (
        [old(1), old(1, key=JUNK), old(2, key=JUNK)],
        [new(8), new(9, key=JUNK), new(10, key=JUNK)],
        {0: 1, 1: 2},
    ),
    "an entry with places of two identities": ([old(1), old(1, Y, uid=5)], [new(8, Y), new(9)], {1: 1}),
    "one of two mailboxes', nobody knows which": ([old(1), old(2, key=JUNK)], [new(9, key=SAVED)], {}),
    "nor can what vanished earlier say": (
        [old(1), old(2, key=JUNK), old(3, live=False)],
        [new(9, key=SAVED)],
        {},
    ),
    "two mailboxes merged into one": ([old(1), old(2, key=JUNK)], [new(8, key=SAVED), new(9, key=SAVED)], {0: 1, 1: 2}),
    "one stayed, so the other moved": ([old(1), old(2, key=JUNK)], [new(8), new(9, key=SAVED)], {0: 1, 1: 2}),
}


@pytest.mark.parametrize(("before", "after", "wanted"), CASES.values(), ids=list(CASES))
def test_pairing(before: list[OldPlace], after: list[NewPlace], wanted: dict[int, int]) -> None:
    assert pair(before, after) == wanted


contents = st.sampled_from(["", NO_IDENTITY, X, Y, identity("z")])
providers = st.sampled_from(["", "", "gmail:1", "gmail:2", "emailid:1"])
sizes = st.integers(1, 2)


@st.composite
def old_places(draw: st.DrawFn) -> list[OldPlace]:
    """Places each at a UID of its own, some of one entry."""
    uids = count(1)
    places = st.builds(
        lambda seq, key, size, provider, content, live: old(
            seq, content, key=key, uid=next(uids), size=size, provider=provider, live=live
        ),
        *(st.integers(1, 12), st.sampled_from(KEYS), sizes, providers, contents, st.booleans()),
    )
    return draw(st.lists(places, max_size=10))


@st.composite
def new_places(draw: st.DrawFn) -> list[NewPlace]:
    """Places each at a UID of its own."""
    uids = count(1)
    places = st.builds(
        lambda key, size, provider, content: new(next(uids), content, key=key, size=size, provider=provider),
        *(st.sampled_from(KEYS), sizes, providers, contents),
    )
    return draw(st.lists(places, max_size=10))


def equal(one: OldPlace, other: NewPlace) -> bool:
    """True when one identity of both is known and equal."""
    content = one.content == other.content and one.content not in ("", NO_IDENTITY)
    return content or (one.provider == other.provider and one.provider != "")


@given(old_places(), new_places())
def test_one_entry_for_one_place_of_its_own_identity(before: list[OldPlace], after: list[NewPlace]) -> None:
    found = pair(before, after)
    assert set(Counter(found.values()).values()) <= {1}
    for at, seq in found.items():
        assert any(place.seq == seq and equal(place, after[at]) for place in before)


@given(old_places(), new_places(), st.data())
def test_the_order_of_what_is_given_does_not_matter(
    before: list[OldPlace], after: list[NewPlace], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(range(len(after))))
    again = pair(data.draw(st.permutations(before)), [after[at] for at in shuffled])
    assert {shuffled[at]: seq for at, seq in again.items()} == pair(before, after)


@given(st.lists(st.tuples(contents, sizes), max_size=12))
def test_a_mailbox_numbered_anew_keeps_its_entries(listed: list[tuple[str, int]]) -> None:
    """The same messages in the same order, under a new UIDVALIDITY: each is what it was."""
    before = [old(at, content, size=size) for at, (content, size) in enumerate(listed, 1)]
    after = [new(at + 100, content, size=size) for at, (content, size) in enumerate(listed, 1)]
    known = {at: at + 1 for at, (content, _) in enumerate(listed) if content not in ("", NO_IDENTITY)}
    assert pair(before, after) == known


@given(old_places(), new_places())
def test_within_one_mailbox_as_many_pair_as_can(before: list[OldPlace], after: list[NewPlace]) -> None:
    """By content, in one mailbox, of one entry per place: as many as the smaller side has."""
    olds = [old(at, place.content, live=place.live) for at, place in enumerate(before, 1)]
    news = [new(at, place.content) for at, place in enumerate(after, 1)]
    sides = [
        Counter(place.content for place in side if place.content not in ("", NO_IDENTITY)) for side in (olds, news)
    ]
    assert len(pair(olds, news)) == (sides[0] & sides[1]).total()
