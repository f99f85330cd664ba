"""Where messages lay, as re-matching asks for it, and what is found out of them later."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.maildrop import unique_id
from bridge.model.names import AccountId, EntrySeq, MailboxName, Uid
from bridge.model.places import (
    AccountChange,
    ListedMessage,
    ListingChange,
    Location,
    MailboxChange,
    MailboxKey,
    MeasuredMessage,
    OldPlace,
    StoredMessage,
)
from bridge.model.update import Action
from bridge.store import Store, open_store
from bridge.store.old_places import PIECE
from tests.store.support import (
    FAMILY,
    FAX,
    INBOX,
    JUNK,
    ONE,
    TWO,
    fill,
    listed,
    namer,
    place,
    plan,
    trash,
    uids,
    vanish,
    whole,
)

WORK = MailboxKey(AccountId("work"), MailboxName("INBOX"))
CONTENT, OTHER = "m" + "0" * 32, "m" + "1" * 32


class Clock:
    """Tells one moment after the other, as the test wants it."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path: Path, clock: Clock) -> AsyncIterator[Store]:
    async with open_store(tmp_path, now=clock) as opened:
        yield opened


async def renumber(store: Store, heir: int) -> None:
    """Number the mailbox anew: one message is known, the others linger."""
    known = (EntrySeq(heir), ListedMessage(Uid(1), 100, 5, "gmail:1"))
    change = MailboxChange(INBOX, whole(1, 2, TWO), inherited=(known,), lingering=True)
    await store.apply_refresh(AccountChange(FAMILY, (change,)), unique_id)


async def test_what_lies_at_a_place_is_told_with_what_it_is(store: Store) -> None:
    await fill(store, 1, 2, 3)
    await fill(store, 1, key=JUNK)
    await fill(store, 1, key=WORK)
    await store.record_identities(INBOX, ONE, [(Uid(2), CONTENT)])
    await vanish(store, 3)
    await renumber(store, 1)
    asked = [Location(INBOX, TWO, Uid(1)), place(2), place(1), place(3), place(9), place(1, JUNK)]
    date = 1_700_000_000
    assert await store.load_old_places(FAMILY, asked) == [
        OldPlace(EntrySeq(2), INBOX, ONE, Uid(2), 102, date + 2, "", CONTENT),
        OldPlace(EntrySeq(1), INBOX, TWO, Uid(1), 100, 5, "gmail:1", ""),
        OldPlace(EntrySeq(4), JUNK, ONE, Uid(1), 101, date + 1, "", ""),
    ]
    assert await store.load_old_places(FAMILY, []) == []
    assert await store.load_old_places(AccountId("unheard of"), [place(1)]) == []


async def test_a_place_knows_whether_a_device_did_away_with_its_message(store: Store, clock: Clock) -> None:
    """What its owner deleted is no loss to be doubted. What only waits for its time to come is, and so is a flag."""
    await fill(store, 1, 2, 3, 4, 5)
    actions: list[tuple[Action, float]] = [("trash", 10.0), ("archive", 10.0), ("expunge", 2000.0), ("flag", 10.0)]
    promised = tuple(
        replace(trash(EntrySeq(uid), uid, due), action=action) for uid, (action, due) in enumerate(actions, 1)
    )
    await store.commit_update(replace(plan(FAX, 1.0, []), intents=promised))
    await store.settle_intent((await store.due_intents(10.0, 1))[0].id, "done", "")

    async def removed() -> list[int]:
        return [
            each.uid for each in await store.load_old_places(FAMILY, [place(n) for n in range(1, 6)]) if each.removed
        ]

    assert await removed() == [1, 2]
    clock.now = 2000.0
    assert await removed() == [1, 2, 3]
    await renumber(store, 1)
    assert [each.removed for each in await store.load_old_places(FAMILY, [Location(INBOX, TWO, Uid(1))])] == [False]


async def kin(store: Store, *identities: str, since: float = 0.0) -> list[tuple[int, int, int, bool]]:
    found = await store.load_kindred(FAMILY, identities, since)
    return [(each.seq, each.uidvalidity, each.uid, each.live) for each in found]


async def test_kindred_are_found_by_either_identity_the_living_first(store: Store) -> None:
    await fill(store, 1, 2, 3)
    await fill(store, 1, key=JUNK)
    await fill(store, 1, key=WORK)
    await store.record_identities(INBOX, ONE, [(Uid(1), CONTENT), (Uid(2), CONTENT), (Uid(3), OTHER)])
    await store.record_identities(JUNK, ONE, [(Uid(1), CONTENT)])
    await store.record_identities(WORK, ONE, [(Uid(1), CONTENT)])
    await renumber(store, 2)
    await vanish(store, 1)
    assert await kin(store, CONTENT) == [(4, ONE, 1, True), (2, TWO, 1, True), (1, ONE, 1, False)]
    assert await kin(store, "gmail:1", CONTENT, OTHER) == [
        (3, ONE, 3, True),
        (4, ONE, 1, True),
        (2, TWO, 1, True),
        (1, ONE, 1, False),
    ]
    assert await kin(store, "gmail:1") == [(2, TWO, 1, True)]
    # Nothing is known of a message without an identity.
    assert await kin(store, "", "m" + "f" * 32) == []
    assert await kin(store) == []
    [place] = await store.load_kindred(FAMILY, [OTHER], 0.0)
    assert place == OldPlace(EntrySeq(3), INBOX, ONE, Uid(3), 103, 1_700_000_003, "", OTHER)


async def test_what_is_gone_is_kin_where_it_last_lay_and_for_a_while(store: Store, clock: Clock) -> None:
    await fill(store, 1, 2)
    await store.record_identities(INBOX, ONE, [(Uid(1), CONTENT), (Uid(2), CONTENT)])
    await renumber(store, 2)
    clock.now = 2000.0
    await vanish(store, 1)
    clock.now = 3000.0
    gone = MailboxChange(INBOX, whole(0, 2, TWO), vanished=(Uid(1),))
    await store.apply_refresh(AccountChange(FAMILY, (gone,)), unique_id)
    assert await kin(store, CONTENT) == [(1, ONE, 1, False), (2, TWO, 1, False)]
    assert await kin(store, CONTENT, since=2000.0) == [(1, ONE, 1, False), (2, TWO, 1, False)]
    assert await kin(store, CONTENT, since=2000.5) == [(2, TWO, 1, False)]
    assert await kin(store, CONTENT, since=3000.5) == []


async def test_what_a_device_had_expunged_is_nobodys_kin(store: Store) -> None:
    await fill(store, 1, 2)
    await store.record_identities(INBOX, ONE, [(Uid(1), CONTENT), (Uid(2), CONTENT)])
    promised = tuple(replace(trash(EntrySeq(uid), uid, 2.0), action="expunge") for uid in (1, 2))
    await store.commit_update(replace(plan(FAX, 1.0, []), intents=promised))
    first, _ = await store.due_intents(2.0, 9)
    await store.settle_intent(first.id, "done", "")
    await vanish(store, 1, 2)
    assert await kin(store, CONTENT) == [(2, ONE, 2, False)]


async def test_what_came_back_is_alive(store: Store) -> None:
    await fill(store, 1)
    await store.record_identities(INBOX, ONE, [(Uid(1), CONTENT)])
    await vanish(store, 1)
    await fill(store, 1)
    assert await kin(store, CONTENT) == [(1, ONE, 1, True)]


async def test_identities_and_octets_are_for_what_is_there(store: Store) -> None:
    await fill(store, 1, 2, 3)
    await vanish(store, 3)
    await store.record_identities(INBOX, ONE, [(Uid(1), CONTENT), (Uid(2), "-"), (Uid(3), CONTENT), (Uid(9), CONTENT)])
    await store.record_identities(INBOX, TWO, [(Uid(2), CONTENT)])
    measured = [(place(1), MeasuredMessage(111, True)), (place(2), MeasuredMessage(122, False))]
    await store.record_measured([*measured, (place(3), MeasuredMessage(133, True))])
    await fill(store, 3)
    [part] = await store.load_parts(INBOX)
    assert [(row.uid, row.content, row.measured, row.subject) for row in part.messages] == [
        (1, CONTENT, 111, 1),
        (2, "-", 122, 0),
        (3, "", -1, -1),
    ]


async def test_parts_are_those_of_a_mailbox_that_was_listed_whole(store: Store) -> None:
    await store.apply_listing(ListingChange(INBOX, ONE, listed(7)), namer())
    assert await store.load_parts(INBOX) == []
    await fill(store, 7, 3)
    await fill(store, key=JUNK)
    assert [(part.uidvalidity, uids(part.messages)) for part in await store.load_parts(INBOX)] == [(ONE, [7, 3])]
    assert [(part.uidvalidity, part.messages) for part in await store.load_parts(JUNK)] == [(ONE, [])]


async def test_many_come_in_pieces(store: Store) -> None:
    many = range(1, 2 * PIECE + 2)
    stored = await fill(store, *many)
    pieces: list[list[StoredMessage]] = []
    await store.load_in_pieces(INBOX, lambda uidvalidity, rows: pieces.append(rows))
    assert [len(piece) for piece in pieces] == [PIECE, PIECE, 1]
    assert sorted(row for piece in pieces for row in piece) == stored
    [part] = await store.load_parts(INBOX)
    assert part.messages == stored
    empty: list[object] = []
    await store.load_in_pieces(JUNK, lambda uidvalidity, rows: empty.append(rows))
    assert empty == []
