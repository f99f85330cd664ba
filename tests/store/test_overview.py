"""What `status` is told, with a daemon and without."""

import sqlite3
from contextlib import closing
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
from tests.store.spooling import account, keep
from tests.store.support import DEN, FAMILY, FAX, JUNK, ONE, fill, listed, measure, namer, place, plan, session, trash


async def lived(store: Store) -> None:
    """Let some life leave its traces."""
    await store.register([FAMILY, AccountId("work")], [FAX, DEN])
    await fill(store, 1, 2, 3)
    await store.apply_listing(ListingChange(JUNK, ONE, listed(1)), namer(JUNK))
    await store.save_selector(FAMILY, "\\Junk", JUNK.mailbox)
    await measure(store, {place(1): 101, place(2): 102})
    promise = replace(plan(FAX, 9.0, [EntrySeq(1)], [EntrySeq(1), EntrySeq(2)]), intents=(trash(EntrySeq(1), 1, 99.0),))
    await store.commit_update(promise)
    await store.record_sessions([session(FAX, 9.0)])
    await store.spool.apply([account()])
    await keep(store.spool, 1, 2)


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
    quiet: dict[str, Any] = {
        "held": 0,
        "held_since": None,
        "voting": 0,
        "returning": 0,
        "holds_back": {"messages": 0, "since": None, "devices": []},
        "held_back": {"messages": 0, "since": None, "devices": []},
        "shown": [],
        "announced": 0,
        "hidden_by": {},
    }
    fax = {
        **quiet,
        "hidden": 1,
        "hidden_by": {"delete": 1},
        "receipts": 2,
        "acknowledged": 2,
        "pending_intents": 1,
        "last_session": last,
    }
    den = {**quiet, "hidden": 0, "receipts": 0, "acknowledged": 0, "pending_intents": 0, "last_session": None}
    return {
        "schema": VERSION,
        "restored": False,
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
        "accounts": [
            {
                "name": "family",
                "mailboxes": [inbox, junk],
                "selectors": {"\\Junk": "Jünk"},
                "suspicions": [],
                "spooled": {"messages": 2, "octets": 2000},
                "used": {"octets": 0, "connections": 0},
                "refused": None,
            },
            {
                "name": "work",
                "mailboxes": [],
                "selectors": {},
                "suspicions": [],
                "spooled": {"messages": 0, "octets": 0},
                "used": {"octets": 0, "connections": 0},
                "refused": None,
            },
        ],
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


@pytest.fixture
async def troubled(tmp_path: Path) -> Path:
    """Give a state in which much waits for its owner."""
    async with open_store(tmp_path) as store:
        await lived(store)
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db, db:
        db.executescript(TROUBLE)
    return tmp_path


TROUBLE = """
INSERT INTO intents(device, entry, mailbox, uidvalidity, uid, action, size, due, state, session, made_at) VALUES
  (1, 1, 1, 1, 1, 'trash', 101, 99, 'held', 's1', 20), (1, 2, 1, 1, 2, 'trash', 102, 99, 'held', 's1', 10),
  (1, 3, 1, 1, 3, 'trash', 103, 99, 'voting', 's1', 12), (1, 1, 1, 1, 1, 'trash', 101, 99, 'voting', 's1', 11),
  (1, 2, 1, 1, 2, 'archive', 102, 99, 'returning', 's1', 10);
INSERT INTO receipts(device, entry, announced_at, session) VALUES (2, 1, 5, 's2'), (2, 3, 5, 's2'), (2, 2, 5, 's2')
  ON CONFLICT DO NOTHING;
INSERT INTO hides VALUES (2, 1, 6, 'delete', 's2'), (2, 3, 6, 'window', 's2');
INSERT INTO device_sources VALUES (1, 1, 4.0, NULL), (1, 2, NULL, NULL);
INSERT INTO suspicions VALUES (1, 50, 40, 90, 0);
INSERT INTO facts VALUES ('restored', 1);
"""


async def test_what_waits_for_the_owner(troubled: Path) -> None:
    facts = read_offline(troubled)
    assert facts["restored"] is True
    den, fax = facts["devices"]
    waiting = ("pending_intents", "held", "held_since", "voting", "returning")
    assert [fax[key] for key in waiting] == [1, 2, 10.0, 2, 1]
    # What left its window is no vote: only `delete` and a hide on retrieval are.
    assert den["holds_back"] == {"messages": 1, "since": 12.0, "devices": ["fax"]}
    assert fax["holds_back"] == {"messages": 0, "since": None, "devices": []}
    assert fax["held_back"] == {"messages": 1, "since": 12.0, "devices": ["den"]}
    assert den["hidden_by"] == {"delete": 1, "window": 1}


async def test_a_device_of_another_configuration_holds_nothing_back(troubled: Path) -> None:
    den, fax = read_offline(troubled, [FAX])["devices"]
    assert (den["holds_back"]["messages"], fax["held_back"]["messages"]) == (0, 0)


async def test_what_waits_for_the_owner_of_accounts(troubled: Path) -> None:
    facts = read_offline(troubled)
    fax = facts["devices"][1]
    assert fax["shown"] == [{"account": "family", "mailbox": "INBOX", "since": 4.0}]
    family = {"mailbox": "INBOX", "since": 50.0, "missing": 40, "known": 90, "accepted": 0.0}
    assert [account["suspicions"] for account in facts["accounts"]] == [[family], []]


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
