"""Listings: what is remembered of a mailbox, and which entry a message is."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from bridge.model.failures import StoreUnavailable
from bridge.model.names import Uid, Uidl
from bridge.model.places import ListedMessage, ListingChange
from bridge.store import Store, open_store
from bridge.store.bulk import TOGETHER
from bridge.store.listing import apply_listing
from bridge.store.opening import open_database
from tests.store.support import (
    FAX,
    INBOX,
    JUNK,
    ONE,
    TWO,
    fill,
    listed,
    measure,
    namer,
    place,
    plan,
    uids,
    vanish,
    whole,
)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path) as opened:
        yield opened


async def test_a_first_listing_comes_back_in_its_order(store: Store) -> None:
    stored = await fill(store, 3, 1, 7)
    assert uids(stored) == [3, 1, 7]
    assert [row.seq for row in stored] == [1, 2, 3]
    assert [row.uidl for row in stored] == [namer()(Uid(uid), 0) for uid in (3, 1, 7)]
    assert (stored[0].size, stored[0].measured, stored[0].date) == (103, -1, 1_700_000_003)
    assert await store.load_messages(INBOX) == stored


async def test_a_mailbox_is_listed_once_a_state_is_committed(store: Store) -> None:
    await store.apply_listing(ListingChange(INBOX, ONE, listed(1, 2)), namer())
    [begun] = await store.load_mailboxes()
    assert (begun.key, begun.state, begun.uidvalidity) == (INBOX, None, ONE)
    assert uids(await store.load_messages(INBOX)) == [1, 2]
    await store.apply_listing(ListingChange(INBOX, ONE, listed(3), state=whole(3, 4)), namer())
    [done] = await store.load_mailboxes()
    assert done.state == whole(3, 4)


async def test_a_mailbox_never_heard_of_has_no_messages(store: Store) -> None:
    assert await store.load_messages(JUNK) == []
    assert await store.load_mailboxes() == []


async def test_a_place_that_is_known_is_not_added_twice(store: Store) -> None:
    first = await fill(store, 1, 2)
    again = await store.apply_listing(ListingChange(INBOX, ONE, listed(2, 3, 3, 1, size=900)), namer())
    assert [row.seq for row in again] == [2, 3, 3, 1]
    assert again[0] == first[1]
    assert uids(await store.load_messages(INBOX)) == [1, 2, 3]


async def test_two_mailboxes_share_one_order(store: Store) -> None:
    await fill(store, 1)
    await fill(store, 1, key=JUNK)
    [third] = await store.apply_listing(ListingChange(INBOX, ONE, listed(2)), namer())
    assert third.seq == 3
    assert [row.seq for row in await store.load_messages(INBOX)] == [1, 3]


async def test_what_vanished_is_not_listed_and_keeps_its_id_from_others(store: Store) -> None:
    first = await fill(store, 1, 2)
    await vanish(store, 1)
    assert uids(await store.load_messages(INBOX)) == [2]
    assert (await store.overview())["totals"]["entries"] == 1
    # The same UID with another size: another message, so neither the entry nor the id.
    [other] = await store.apply_listing(ListingChange(INBOX, ONE, listed(1, size=5000)), namer())
    assert other.seq == 3
    assert other.uidl == namer()(Uid(1), 1) != first[0].uidl


async def test_what_comes_back_is_what_it_was_and_stays_hidden(store: Store) -> None:
    first = await fill(store, 1, 2)
    await measure(store, {place(1): 120})
    await store.commit_update(plan(FAX, 5.0, [first[0].seq]))
    await vanish(store, 1)
    assert await store.load_hides(FAX) == [first[0].seq]
    [back] = await store.apply_listing(ListingChange(INBOX, ONE, listed(1)), namer())
    assert back == first[0]._replace(measured=120, subject=0)
    assert await store.load_messages(INBOX) == [back, first[1]]
    assert (await store.overview())["totals"]["entries"] == 2
    assert await store.load_hides(FAX) == [first[0].seq]


async def test_the_one_of_the_right_size_comes_back(store: Store) -> None:
    [first] = await fill(store, 1)
    await vanish(store, 1)
    await store.apply_listing(ListingChange(INBOX, ONE, listed(1, size=5000)), namer())
    await vanish(store, 1)
    [back] = await store.apply_listing(ListingChange(INBOX, ONE, listed(1)), namer())
    assert back == first


async def test_an_id_issued_to_another_entry_is_passed_over(store: Store) -> None:
    def narrow(uid: Uid, attempt: int) -> Uidl:
        return Uidl(f"same{attempt}")

    rows = await store.apply_listing(ListingChange(INBOX, ONE, listed(1, 2)), narrow)
    rows += await store.apply_listing(ListingChange(INBOX, ONE, listed(3)), narrow)
    assert [row.uidl for row in rows] == ["same0", "same1", "same2"]


async def test_a_namer_that_has_no_more_names_fails_its_change_alone(store: Store) -> None:
    with pytest.raises(ValueError, match="UID 2"):
        await store.apply_listing(ListingChange(INBOX, ONE, listed(1, 2)), lambda uid, attempt: Uidl("always"))
    assert await store.load_messages(INBOX) == []


async def test_the_old_listing_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        old = await fill(store, 1, 2)
        await store.apply_listing(ListingChange(INBOX, TWO, listed(1), replaced=True), namer(INBOX, TWO))
    async with open_store(tmp_path) as store:
        [mailbox] = await store.load_mailboxes()
        assert (mailbox.state, mailbox.uidvalidity) == (whole(2, 3), ONE)
        assert await store.load_messages(INBOX) == old
        final = ListingChange(INBOX, TWO, listed(1, 2, 3), state=whole(3, 4, TWO))
        new = await store.apply_listing(final, namer(INBOX, TWO))
        assert [row.seq for row in new] == [3, 4, 5]
        assert await store.load_messages(INBOX) == new
        totals = (await store.overview())["totals"]
        assert (totals["entries"], totals["issued_ids"]) == (3, 5)


async def test_a_listing_begun_twice_forgets_what_went_between(store: Store) -> None:
    await fill(store, 1)
    begun = await store.apply_listing(ListingChange(INBOX, TWO, listed(1, 2), replaced=True), namer(INBOX, TWO))
    again = ListingChange(INBOX, TWO, listed(2), state=whole(1, 3, TWO), replaced=True)
    assert await store.apply_listing(again, namer(INBOX, TWO)) == begun[1:]
    assert await store.load_messages(INBOX) == begun[1:]


async def test_a_listing_begun_under_another_uidvalidity_is_dropped(store: Store) -> None:
    await store.apply_listing(ListingChange(INBOX, ONE, listed(1, 2)), namer())
    new = await store.apply_listing(ListingChange(INBOX, TWO, listed(1), state=whole(1, 2, TWO)), namer(INBOX, TWO))
    assert await store.load_messages(INBOX) == new


async def test_a_state_of_another_uidvalidity_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="UIDVALIDITY"):
        await store.apply_listing(ListingChange(INBOX, ONE, listed(1), state=whole(1, 2, TWO)), namer())
    assert await store.load_mailboxes() == []


async def test_measured_sizes_are_kept_for_what_is_there(store: Store) -> None:
    await fill(store, 1, 2)
    await vanish(store, 2)
    await measure(store, {place(1): 111, place(2): 222, place(9): 999, place(1, JUNK): 5})
    assert [row.measured for row in await store.load_messages(INBOX)] == [111]


async def test_selectors_follow_the_last_look(store: Store) -> None:
    await store.save_selector(INBOX.account, "\\Junk", INBOX.mailbox)
    await store.save_selector(INBOX.account, "\\Junk", JUNK.mailbox)
    assert await store.load_selectors() == {(INBOX.account, "\\Junk"): JUNK.mailbox}


async def test_a_number_too_large_for_the_database_is_a_sentence(store: Store) -> None:
    huge = (ListedMessage(Uid(1), 2**64, 0, ""),)
    with pytest.raises(StoreUnavailable, match=r"popbridge\.sqlite3"):
        await store.apply_listing(ListingChange(INBOX, ONE, huge), namer())
    assert await store.load_messages(INBOX) == []


async def test_issued_ids_cannot_be_forgotten_or_handed_on(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await fill(store, 1, 2)
    with closing(open_database(tmp_path, new_state=False)) as db:
        for statement in (
            "DELETE FROM issued_ids",
            "UPDATE issued_ids SET entry = 2",
            "INSERT OR REPLACE INTO issued_ids SELECT uidl, 2 FROM issued_ids WHERE entry = 1",
            "UPDATE entries SET uidl = 'x'",
            "DELETE FROM entries",
        ):
            with pytest.raises(sqlite3.IntegrityError):
                db.execute(statement)


def test_an_entry_is_gone_when_its_last_location_is(tmp_path: Path) -> None:
    def live(db: sqlite3.Connection) -> list[int]:
        return [seq for (seq,) in db.execute("SELECT seq FROM entries WHERE gone_at IS NULL")]

    with closing(open_database(tmp_path, new_state=False)) as db:
        for key in (INBOX, JUNK):
            apply_listing(db, ListingChange(key, ONE, listed(1), state=whole(1, 2)), namer(key), 1.0)
        # Nothing gives an entry a second location yet.
        db.execute("UPDATE locations SET entry = 1")
        apply_listing(db, ListingChange(INBOX, ONE, vanished=(Uid(1),)), namer(), 2.0)
        assert 1 in live(db)
        apply_listing(db, ListingChange(JUNK, ONE, vanished=(Uid(1),)), namer(JUNK), 3.0)
        assert 1 not in live(db)


def steps_of_a_change(tmp_path: Path, messages: int) -> int:
    """Give how many steps SQLite takes for a few new messages and a vanished one, in a mailbox of so many."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    with closing(open_database(tmp_path / str(messages), new_state=False)) as db:
        everything = listed(*range(1, messages + 1))
        apply_listing(db, ListingChange(INBOX, ONE, everything, state=whole(messages, messages + 1)), namer(), 1.0)
        new = listed(messages + 1, messages + 2)
        change = ListingChange(INBOX, ONE, new, (Uid(1),), whole(messages + 1, messages + 3))
        db.set_progress_handler(count, 1)
        apply_listing(db, change, namer(), 2.0)
        db.set_progress_handler(None, 0)
    return steps


def test_the_cost_of_a_change_does_not_grow_with_the_mailbox(tmp_path: Path) -> None:
    for messages in (200, 4000):
        (tmp_path / str(messages)).mkdir()
    assert steps_of_a_change(tmp_path, 4000) < 2 * steps_of_a_change(tmp_path, 200)


async def test_many_at_once_are_numbered_and_named_as_one_by_one(store: Store) -> None:
    """More than go into one statement, some of them known, one of a name that was issued before."""
    many = 2 * TOGETHER + 7
    [old] = await fill(store, 5)
    await vanish(store, 5)
    await fill(store, 9, 10)
    rows = await store.apply_listing(ListingChange(INBOX, ONE, listed(*range(1, many + 1), size=300)), namer())
    assert uids(rows) == list(range(1, many + 1))
    fresh = [row for row in rows if row.uid not in (9, 10)]
    assert [row.seq for row in fresh] == list(range(4, many + 2))
    named = [namer()(row.uid, 0) for row in rows]
    named[4] = namer()(Uid(5), 1)
    assert [row.uidl for row in rows] == named
    assert old.uidl not in named
    assert await store.load_messages(INBOX) == sorted(rows)
    totals = (await store.overview())["totals"]
    assert (totals["entries"], totals["issued_ids"]) == (many, many + 1)
