"""A disk that is really full: a small file system of its own, where the tests may mount one."""

from pathlib import Path

import pytest

from bridge.maildrop import unique_id
from bridge.model.failures import StoreUnavailable
from bridge.model.names import EntrySeq, Uid
from bridge.model.places import AccountChange, ListedMessage, ListingChange, MailboxChange
from bridge.store import Store, open_store
from bridge.store.generation import MARKER
from tests.store.support import (
    FAMILY,
    FAX,
    INBOX,
    ONE,
    TWO,
    broken_entries,
    fill,
    lost,
    namer,
    plan,
    spare,
    uids,
    whole,
)

MORE = 900
"""Messages whose rows need more room than the write-ahead log has already."""


def make_room(disk: Path) -> None:
    (disk / "other").unlink()


async def list_many(store: Store, first: int, number: int = 500) -> list[int]:
    many = tuple(ListedMessage(Uid(uid), 100, 0, "x" * 80) for uid in range(first, first + number))
    return uids(await store.apply_listing(ListingChange(INBOX, ONE, many), namer()))


async def test_a_full_disk_loses_nothing_that_was_acknowledged(small_disk: Path) -> None:
    async with open_store(small_disk / "state") as store:
        await fill(store, 1, 2)
        await store.commit_update(plan(FAX, 1.0, [EntrySeq(1)]))
        spare(small_disk)
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="disk is full: make room"):
                await list_many(store, 10, MORE)
        # What is there can be looked at, and is what it was.
        assert uids(await store.load_messages(INBOX)) == [1, 2]
        assert (await store.overview())["totals"]["issued_ids"] == 2
        make_room(small_disk)
        assert len(await list_many(store, 10, MORE)) == MORE
    async with open_store(small_disk / "state") as store:
        assert len(await store.load_messages(INBOX)) == MORE + 2
        assert await store.load_hides(FAX) == [1]


async def test_a_full_disk_leaves_no_round_half_written(small_disk: Path) -> None:
    state_dir = small_disk / "state"
    renumbered = MailboxChange(
        INBOX,
        whole(500, 501, TWO),
        inherited=tuple((EntrySeq(uid), ListedMessage(Uid(uid), 100, 0, "x" * 80)) for uid in range(1, 251)),
        appended=tuple(ListedMessage(Uid(uid), 100, 0, "x" * 80) for uid in range(251, 501)),
    )
    async with open_store(state_dir) as store:
        await list_many(store, 1)
        await store.apply_listing(ListingChange(INBOX, ONE, state=whole(500, 501)), namer())
        before = await store.load_parts(INBOX)
        spare(small_disk)
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="disk is full: make room"):
                await store.apply_refresh(AccountChange(FAMILY, (renumbered,)), unique_id)
            with pytest.raises(StoreUnavailable, match="disk is full: make room"):
                await store.record_identities(INBOX, ONE, [(Uid(uid), "m" * 33) for uid in range(1, 501)])
        assert await store.load_parts(INBOX) == before
        assert [mailbox.state for mailbox in await store.load_mailboxes()] == [whole(500, 501)]
        assert lost(small_disk / "state") == set()
        make_room(small_disk)
        rows = await store.apply_refresh(AccountChange(FAMILY, (renumbered,)), unique_id)
        assert [row.seq for row in rows[INBOX]] == [*range(1, 251), *range(501, 751)]
    assert broken_entries(state_dir) == []


async def test_a_full_disk_at_the_first_start_leaves_no_claim_that_state_was_here(small_disk: Path) -> None:
    state_dir = small_disk / "state"
    state_dir.mkdir()
    spare(small_disk)
    with pytest.raises(StoreUnavailable):
        async with open_store(state_dir):
            pass
    assert not (state_dir / MARKER).exists()
    make_room(small_disk)
    async with open_store(state_dir) as store:
        await fill(store, 1)
