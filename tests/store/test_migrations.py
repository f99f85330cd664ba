"""Databases of former versions, brought up: `schema_1.sql` is what the first schema was, with a little life in it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database

from bridge.model.failures import StoreUnavailable
from bridge.model.update import Intent
from bridge.store import open_store, read_offline
from bridge.store.opening import DATABASE
from bridge.store.schema import VERSION, migrations
from tests.store.support import DEN, FAMILY, FAX, INBOX, JUNK, ONE, fill, lost, namer, place, uids, whole

FIRST = (Path(__file__).parent / "schema_1.sql").read_text(encoding="utf-8")


def lay(state_dir: Path) -> None:
    """Put a database of schema 1 into a state directory."""
    with closing(sqlite3.connect(state_dir / DATABASE)) as db:
        db.executescript(FIRST)


def shape(db: sqlite3.Connection) -> list[tuple[str, str]]:
    """Give every table, index and trigger with the statement that made it."""
    return list(db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name"))


async def test_what_the_first_schema_held_is_there_after_all_migrations(tmp_path: Path) -> None:
    lay(tmp_path)
    async with open_store(tmp_path) as store:
        inbox, junk = await store.load_mailboxes()
        assert (inbox.key, inbox.state) == (INBOX, whole(3, 4))
        assert (junk.key, junk.state) == (JUNK, None)
        messages = await store.load_messages(INBOX)
        assert [(row.seq, row.uid, row.measured) for row in messages] == [(1, 1, 101), (2, 2, -1)]
        assert await store.load_selectors() == {(FAMILY, "\\Junk"): JUNK.mailbox}
        assert (await store.load_hides(FAX), await store.load_hides(DEN)) == ([1], [])
        [intent] = await store.due_intents(99.0, 9)
        assert intent == Intent(1, FAX, messages[0].seq, place(1), "trash", 101, 99.0, 0, "<one@example.org>")
        facts = await store.overview()
        assert (facts["schema"], facts["totals"]["issued_ids"], facts["totals"]["receipts"]) == (VERSION, 4, 2)
        assert facts["devices"][1]["last_session"]["peer"] == "192.168.1.20:4711"


async def test_unique_ids_issued_under_the_first_schema_are_known(tmp_path: Path) -> None:
    lay(tmp_path)
    async with open_store(tmp_path) as store:
        stored = await fill(store, 1, 2, 3, 4)
        assert [row.seq for row in stored] == [1, 2, 3, 5]
        assert uids(await store.load_messages(INBOX)) == [1, 2, 3, 4]
        assert [row.uidl for row in stored] == [namer()(row.uid, 0) for row in stored]


async def test_what_a_device_was_shown_under_the_first_schema_keeps_its_place(tmp_path: Path) -> None:
    lay(tmp_path)
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        db.executescript(
            # The fax logged in when all but the fifth was there; it never had to do with the second mailbox. The den
            # logged in and left no trace of what it was shown.
            "UPDATE devices SET first_login = 1000, last_login = 2000;"
            "INSERT INTO entries(uidl, first_seen) VALUES ('fifth', 3000), ('sixth', 1500);"
            "INSERT INTO locations(entry, mailbox, uidvalidity, uid, size, date) VALUES"
            " (5, 1, 1, 5, 105, 1700000005), (6, 1, 1, 6, 106, 1700000006);"
            "INSERT INTO hides VALUES (1, 3, 8, 'delete', 's0'); DELETE FROM receipts WHERE entry = 2;"
        )
    async with open_store(tmp_path):
        pass
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        columns = "device, entry, position, announced_at, announced_in, sent_at, date"
        assert db.execute(f"SELECT {columns} FROM receipts ORDER BY entry").fetchall() == [
            (1, 1, 0, 9.0, "s1", 9.0, 1700000001),
            (1, 2, 1, 2000.0, None, None, 1700000002),
            (1, 3, 2, 8.0, "s0", None, 1700000003),
            (1, 6, 3, 2000.0, None, None, 1700000006),
        ]
        shown = db.execute("SELECT device, mailbox, first_shown FROM device_sources").fetchall()
        assert shown == [(1, 1, 1000.0)]


async def test_a_listing_begun_under_a_new_uidvalidity_is_begun_again(tmp_path: Path) -> None:
    lay(tmp_path)
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        db.executescript(
            "INSERT INTO entries(uidl, first_seen) VALUES ('begun', 2000);"
            "INSERT INTO locations(entry, mailbox, uidvalidity, uid, size, date) VALUES (5, 1, 2, 1, 101, 1700000001);"
        )
    async with open_store(tmp_path) as store:
        assert [(part.uidvalidity, uids(part.messages)) for part in await store.load_parts(INBOX)] == [(ONE, [1, 2])]
        # What was whole is not touched, nor is a mailbox's first listing.
        assert uids(await store.load_messages(JUNK)) == [1]
        assert lost(tmp_path) == {3, 5}


def test_the_first_migration_is_what_it_was_when_it_was_released(tmp_path: Path) -> None:
    later = [migration.name for migration in migrations.pending(Database(memory=True))][1:]
    with closing(sqlite3.connect(":memory:")) as released, closing(sqlite3.connect(":memory:")) as now:
        released.executescript(FIRST)
        migrations.apply(Database(now), stop_before=later)
        assert shape(now) == shape(released)
        assert now.execute("PRAGMA user_version").fetchone() == (1,)


def test_the_version_is_that_of_the_last_migration() -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        migrations.apply(Database(db))
        assert db.execute("PRAGMA user_version").fetchone() == (VERSION,)


async def test_a_migration_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        db.execute("CREATE TABLE sessions (of_another TEXT)")
        before = shape(db)
    with pytest.raises(StoreUnavailable, match="sessions already exists"):
        async with open_store(tmp_path):
            pass
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        assert [row for row in shape(db) if "sqlite_migrations" not in row[0]] == before
        assert db.execute("PRAGMA user_version").fetchone() == (0,)


async def test_a_database_begun_and_never_brought_up_cannot_be_shown(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        db.execute("VACUUM")
    with pytest.raises(StoreUnavailable, match="start the daemon once"):
        read_offline(tmp_path)
