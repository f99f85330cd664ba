"""What `status` is told, with a daemon and without."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bridge.model.failures import StoreLocked, StoreMissing, StoreUnavailable
from bridge.model.names import AccountId, EntrySeq
from bridge.model.places import ListingChange
from bridge.store import Store, open_store, read_offline
from bridge.store.opening import DATABASE
from bridge.store.schema import VERSION
from tests.store.support import DEN, FAMILY, FAX, JUNK, ONE, fill, listed, namer, place, plan, session, trash


async def lived(store: Store) -> None:
    """Let some life leave its traces."""
    await store.register([FAMILY, AccountId("work")], [FAX, DEN])
    await fill(store, 1, 2, 3)
    await store.apply_listing(ListingChange(JUNK, ONE, listed(1)), namer(JUNK))
    await store.record_sizes([(place(1), 101), (place(2), 102)])
    promise = replace(plan(FAX, 9.0, [EntrySeq(1)], [EntrySeq(1), EntrySeq(2)]), intents=(trash(EntrySeq(1), 1, 99.0),))
    await store.commit_update(promise)
    await store.record_session(session(FAX, 9.0))


def expected() -> dict[str, Any]:
    last = {
        "session": "s1",
        "peer": "192.168.1.20:4711",
        "started": 7.0,
        "ended": 9.0,
        "retr": 3,
        "top": 1,
        "dele": 2,
        "octets": 4096,
        "reason": "quit",
    }
    inbox = {"name": "INBOX", "listed": True, "messages": 3, "unmeasured": 1, "uidvalidity": 1}
    junk = {"name": "Jünk", "listed": False, "messages": 1, "unmeasured": 1, "uidvalidity": 1}
    fax = {"hidden": 1, "receipts": 2, "acknowledged": 2, "pending_intents": 1, "last_session": last}
    den = {"hidden": 0, "receipts": 0, "acknowledged": 0, "pending_intents": 0, "last_session": None}
    return {
        "schema": VERSION,
        "unmeasured": 2,
        "totals": {
            "entries": 4,
            "issued_ids": 4,
            "messages": 4,
            "unmeasured": 2,
            "hidden": 1,
            "receipts": 2,
            "pending_intents": 1,
        },
        "accounts": [{"name": "family", "mailboxes": [inbox, junk]}, {"name": "work", "mailboxes": []}],
        "devices": [{"name": "den", **den}, {"name": "fax", **fax}],
    }


async def test_with_a_daemon(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await lived(store)
        facts = await store.overview()
        assert facts.pop("octets") >= 4096
        assert facts == expected()


async def test_without_a_daemon(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await lived(store)
        with pytest.raises(StoreLocked):
            read_offline(tmp_path)
    facts = read_offline(tmp_path)
    assert facts.pop("octets") == (tmp_path / DATABASE).stat().st_size
    assert facts == expected()


async def test_an_empty_state(tmp_path: Path) -> None:
    async with open_store(tmp_path):
        pass
    facts = read_offline(str(tmp_path))
    assert (facts["accounts"], facts["devices"], facts["totals"]["messages"]) == ([], [], 0)


async def test_registering_twice_changes_nothing(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await lived(store)
        before = await store.overview()
        await store.register([FAMILY], [FAX])
        assert await store.overview() == before


def test_where_nothing_ran_yet(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="has not run"):
        read_offline(tmp_path)
    assert list(tmp_path.iterdir()) == []


async def test_where_the_database_was_lost(tmp_path: Path) -> None:
    async with open_store(tmp_path):
        pass
    (tmp_path / DATABASE).unlink()
    with pytest.raises(StoreMissing):
        read_offline(tmp_path)


async def test_after_the_end_a_look_is_refused(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        pass
    with pytest.raises(StoreUnavailable):
        await store.overview()
