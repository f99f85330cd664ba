"""What a login decides is written before it is shown: positions, hides, copies, successions."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.model.devices import Admission, Announced, Announcement, Succession
from bridge.model.failures import StoreUnavailable
from bridge.model.names import EntrySeq, SessionId, Uid, Uidl
from bridge.store import Store
from tests.store.device_support import admission, all_rows, filled, hiding, quitting, seqs, shown
from tests.store.support import DEN, FAX, INBOX, JUNK, fill, namer, vanish

S = SessionId("s")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with filled(tmp_path, 1, 2, 3, 4, 5) as opened:
        yield opened


async def test_what_is_announced_has_its_place_for_ever(store: Store) -> None:
    await store.commit_admission(admission(FAX, 10.0, 0, 3, 1))
    await store.commit_admission(admission(FAX, 20.0, 2, 2))
    await store.commit_admission(admission(DEN, 30.0, 0, 2))
    found = await store.load_device(FAX)
    assert list(found.announced) == [
        Announced(EntrySeq(3), 0, 1_700_000_003),
        Announced(EntrySeq(1), 1, 1_700_000_001),
        Announced(EntrySeq(2), 2, 1_700_000_002),
    ]
    assert (list(found.decided), list(found.hidden), found.next_position) == ([1, 2, 3], [], 3)
    assert found.shown == {INBOX}
    assert await shown(store, DEN) == [2]


@pytest.mark.parametrize("first", [0, 1, 3])
async def test_a_login_that_knows_too_little_or_too_much_writes_nothing(store: Store, first: int) -> None:
    await store.commit_admission(admission(FAX, 10.0, 0, 1, 2))
    before = await all_rows(store)
    whole = Admission(
        FAX,
        S,
        11.0,
        first,
        announce=(Announcement(EntrySeq(3), 5),),
        hide=((EntrySeq(4), "window"),),
        duplicates=((EntrySeq(5), EntrySeq(1)),),
        shown=(JUNK,),
    )
    with pytest.raises(StoreUnavailable, match=f"device fax .* position {first}, and 2 is the next.*nothing"):
        await store.commit_admission(whole)
    with pytest.raises(StoreUnavailable, match="and 2 is the next"):
        await store.commit_admission(hiding(FAX, 11.0, first, "window", 1))
    assert await all_rows(store) == before


async def test_what_has_its_position_is_not_announced_again(store: Store) -> None:
    await store.commit_admission(admission(FAX, 10.0, 0, 1, 2))
    before = await all_rows(store)
    for announced in ((2,), (3, 1), (3, 3)):
        with pytest.raises(StoreUnavailable, match="has its position already"):
            await store.commit_admission(admission(FAX, 11.0, 2, *announced))
    with pytest.raises(StoreUnavailable, match="does not take the change"):
        await store.commit_admission(admission(FAX, 11.0, 2, 3, 99))
    assert await all_rows(store) == before


async def test_hides_of_a_login_leave_the_place_and_a_delete_stays_one(store: Store) -> None:
    await store.commit_admission(admission(FAX, 10.0, 0, 1, 2, 3))
    await store.commit_update(quitting(FAX, 11.0, 2))
    await store.commit_admission(hiding(FAX, 20.0, 3, "window", 1, 2))
    await store.commit_admission(hiding(FAX, 20.0, 3, "start", 4))
    found = await store.load_device(FAX)
    assert [one.seq for one in found.announced] == [3]
    assert (list(found.decided), list(found.hidden)) == ([1, 2, 3, 4], [1, 2, 4])
    everything = await store.load_device(FAX, everything=True)
    assert [(one.seq, one.position, one.hidden) for one in everything.announced] == [
        (1, 0, True),
        (2, 1, True),
        (3, 2, False),
    ]
    [fact] = await store.explain_entries(FAX, seqs(2))
    assert fact["hide"] == {"rule": "delete", "at": 11.0, "session": "out11"}


async def test_a_delete_is_stronger_than_what_a_login_hid(store: Store) -> None:
    await store.commit_admission(hiding(FAX, 10.0, 0, "window", 1))
    await store.commit_update(quitting(FAX, 11.0, 1))
    [fact] = await store.explain_entries(FAX, seqs(1))
    assert fact["hide"]["rule"] == "delete"
    assert (await store.undo(FAX, 1, 12.0)).unhidden == [1]


async def test_the_first_announcement_is_the_one_that_is_remembered(store: Store) -> None:
    await store.commit_admission(admission(FAX, 10.0, 0, 1))
    await store.reset(FAX, None)
    await store.commit_admission(admission(FAX, 30.0, 0, 2, 1))
    [fact] = await store.explain_entries(FAX, seqs(1))
    assert (fact["announced_at"], fact["announced_in"], fact["position"]) == (10.0, "in10", 1)


async def test_a_login_is_remembered_though_its_session_leaves_nothing(store: Store) -> None:
    await store.commit_admission(admission(FAX, 10.0, 0, 1))
    await store.commit_admission(admission(FAX, 20.0, 1, 2))
    found = await store.show_device(FAX)
    assert (found["first_login"], found["last_login"]) == (10.0, 20.0)


async def test_mailboxes_are_shown_from_the_first_time_on(store: Store) -> None:
    await store.commit_admission(Admission(FAX, S, 10.0, shown=(INBOX, JUNK)))
    await store.commit_admission(Admission(FAX, S, 20.0, shown=(JUNK,)))
    assert (await store.load_device(FAX)).shown == {INBOX, JUNK}
    assert [row["first_shown"] for row in (await store.show_device(FAX))["shown"]] == [10.0, 10.0]


# --- copies


def own(seq: int) -> Uidl:
    return namer()(Uid(seq), 0)


def pairs(*of: tuple[int, int]) -> tuple[tuple[EntrySeq, EntrySeq], ...]:
    return tuple((EntrySeq(copy), EntrySeq(original)) for copy, original in of)


def succession(at: float, first: int, original: int, copy: int, uidl: str = "") -> Admission:
    return Admission(FAX, S, at, first, succeed=(Succession(EntrySeq(original), EntrySeq(copy), Uidl(uidl)),))


async def test_copies_are_decided_and_not_shown(store: Store) -> None:
    await store.commit_admission(replace(admission(FAX, 10.0, 0, 1), duplicates=((EntrySeq(2), EntrySeq(1)),)))
    found = await store.load_device(FAX)
    assert (found.duplicates, list(found.decided)) == ({2: 1}, [1, 2])
    assert found.originals == {1: own(1)}
    assert await shown(store, FAX) == [1]


async def test_a_copy_takes_its_gone_originals_place_and_name(store: Store) -> None:
    await store.commit_admission(replace(admission(FAX, 10.0, 0, 1, 4), duplicates=pairs((2, 1), (3, 1))))
    await vanish(store, 1)
    await store.commit_admission(succession(20.0, 2, 1, 2, own(1)))
    found = await store.load_device(FAX)
    assert [(one.seq, one.position, one.date) for one in found.announced] == [
        (2, 0, 1_700_000_001),
        (4, 1, 1_700_000_004),
    ]
    assert found.next_position == 2
    # The third copy is now one of the second, and would come after it.
    assert (found.duplicates, found.originals) == ({3: 2}, {2: own(1)})
    await vanish(store, 2)
    await store.commit_admission(succession(30.0, 2, 2, 3))
    found = await store.load_device(FAX)
    assert [(one.seq, one.position) for one in found.announced] == [(3, 0), (4, 1)]
    assert found.aliases[EntrySeq(3)] == own(1)


async def test_an_original_that_comes_back_does_not_share_its_name(store: Store) -> None:
    await store.commit_admission(replace(admission(FAX, 10.0, 0, 1), duplicates=pairs((2, 1))))
    await vanish(store, 1)
    await store.commit_admission(succession(20.0, 1, 1, 2))
    await fill(store, 1, 2, 3, 4, 5)
    found = await store.load_device(FAX)
    assert found.aliases == {2: own(1), 1: own(2)}
    # The original is what it never was before: not decided.
    assert list(found.decided) == [2]
    await store.commit_admission(admission(FAX, 30.0, 1, 1))
    assert await store.find_uidl(FAX, own(1)) == [2, 1]
    # This is between the device and its own names.
    assert (await store.load_device(DEN)).aliases == {}


async def test_two_that_change_places_twice_have_their_own_names_again(store: Store) -> None:
    await store.commit_admission(replace(admission(FAX, 10.0, 0, 1), duplicates=pairs((2, 1))))
    await store.commit_admission(succession(20.0, 1, 1, 2))
    await store.commit_admission(replace(succession(30.0, 1, 2, 1), duplicates=pairs((1, 2))))
    found = await store.load_device(FAX)
    assert ([one.seq for one in found.announced], found.aliases, found.duplicates) == ([1], {}, {})


@pytest.mark.parametrize(
    "wrong",
    [
        succession(20.0, 2, 3, 4),  # the original was never announced
        succession(20.0, 2, 1, 2),  # the copy has a place of its own
        succession(20.0, 2, 1, 3, "another"),  # the device knows it by another name
        succession(20.0, 2, 5, 3),  # the original is hidden
        succession(20.0, 2, 1, 99),  # there is no such entry
    ],
)
async def test_what_cannot_succeed_is_refused_whole(store: Store, wrong: Admission) -> None:
    await store.commit_admission(replace(admission(FAX, 10.0, 0, 1, 2), hide=((EntrySeq(5), "search"),)))
    before = await all_rows(store)
    with pytest.raises(StoreUnavailable):
        await store.commit_admission(replace(wrong, announce=(Announcement(EntrySeq(4), 5),)))
    assert await all_rows(store) == before


async def test_no_copy_brings_back_what_was_deleted(store: Store) -> None:
    await store.commit_admission(replace(admission(FAX, 10.0, 0, 1), duplicates=pairs((2, 1))))
    await store.commit_update(quitting(FAX, 11.0, 1))
    await vanish(store, 1)
    with pytest.raises(StoreUnavailable, match="place that is not there"):
        await store.commit_admission(succession(20.0, 1, 1, 2))
    assert await shown(store, FAX) == []
