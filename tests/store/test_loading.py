"""What is given of a device: quickly and in little room, and as of one moment."""

import sqlite3
import tracemalloc
from contextlib import closing
from pathlib import Path
from time import process_time

from bridge.model.devices import Announced, StoredDevice
from bridge.model.names import EntrySeq, Uid, Uidl
from bridge.store import open_store
from bridge.store.loading import InOrder
from bridge.store.opening import DATABASE
from tests.store.device_support import admission, filled, quitting, seqs
from tests.store.support import DEN, FAX, fill, namer, vanish

MANY = 100_000


async def test_a_device_that_was_never_seen_has_nothing(tmp_path: Path) -> None:
    async with filled(tmp_path, 1) as store:
        found = await store.load_device(FAX)
        assert (len(found.announced), found.next_position, found.accessed) == (0, 0, -1)
        assert (found.decided, found.hidden, found.shown) == ((), (), frozenset())
        assert found == StoredDevice(FAX)
        # Looking makes no device.
        assert (await store.overview())["devices"] == []


async def test_what_is_gone_keeps_its_place_and_is_given_only_with_everything(tmp_path: Path) -> None:
    async with filled(tmp_path, 1, 2, 3) as store:
        await store.commit_admission(admission(FAX, 10.0, 0, 1, 2, 3))
        await vanish(store, 2)
        found = await store.load_device(FAX)
        assert ([one.seq for one in found.announced], list(found.decided), found.next_position) == (
            [1, 3],
            [1, 2, 3],
            3,
        )
        whole = await store.load_device(FAX, everything=True)
        assert whole.announced[1] == Announced(EntrySeq(2), 1, 1_700_000_002, gone=True)
        await fill(store, 1, 2, 3)
        assert [one.seq for one in (await store.load_device(FAX)).announced] == [1, 2, 3]


async def test_own_unique_ids_stand_beside_everything(tmp_path: Path) -> None:
    async with filled(tmp_path, 1, 2) as store:
        await store.commit_admission(admission(FAX, 10.0, 0, 2, 1))
        await store.save_aliases(FAX, [(EntrySeq(1), Uidl("former"))])
        assert (await store.load_device(FAX)).uidls == ()
        assert (await store.load_device(FAX, everything=True)).uidls == [namer()(Uid(2), 0), namer()(Uid(1), 0)]


async def test_how_far_a_device_came(tmp_path: Path) -> None:
    async with filled(tmp_path, 1, 2, 3) as store:
        await store.commit_admission(admission(FAX, 10.0, 0, 3, 2, 1))
        await store.commit_update(quitting(FAX, 11.0, sent=seqs(3, 2)))
        assert (await store.load_device(FAX)).accessed == 1
        assert (await store.load_device(DEN)).accessed == -1


def test_columns_are_a_sequence() -> None:
    rows = [(7, 0, 5, 0, 0), (3, 2, 6, 1, 0), (4, 3, 7, 0, 1)]
    columns = InOrder(rows)
    records = [
        Announced(EntrySeq(7), 0, 5),
        Announced(EntrySeq(3), 2, 6, hidden=True),
        Announced(EntrySeq(4), 3, 7, gone=True),
    ]
    assert list(columns) == records
    assert (len(columns), columns[1], columns[-1], columns[1:]) == (3, records[1], records[2], records[1:])
    assert columns[0].hidden is False


async def test_a_hundred_thousand_receipts(tmp_path: Path) -> None:
    async with open_store(tmp_path):
        pass
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db, db:
        db.execute("INSERT INTO devices(name) VALUES ('fax')")
        db.executemany(
            "INSERT INTO entries(seq, uidl, first_seen) VALUES (?, ?, 1000)",
            ((n, f"{n:032x}") for n in range(1, MANY + 1)),
        )
        db.executemany(
            "INSERT INTO receipts(device, entry, announced_at, session, position, date) VALUES (1, ?, 1, 's', ?, ?)",
            ((n, MANY - n, 1_700_000_000 + n) for n in range(1, MANY + 1)),
        )
        db.execute("INSERT INTO hides SELECT 1, seq, 2, 'delete', 's' FROM entries WHERE seq % 10 = 0")
    async with open_store(tmp_path) as store:
        await store.load_device(DEN)
        before = process_time()
        found = await store.load_device(FAX)
        assert process_time() - before < 1.0
        assert (len(found.announced), len(found.decided), len(found.hidden)) == (90_000, 100_000, 10_000)
        assert found.announced[0].seq == MANY - 1
        del found
        tracemalloc.start()
        found = await store.load_device(FAX)
        kept, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(found.announced) == 90_000
        assert len((await store.load_device(FAX, everything=True)).announced) == MANY
        assert kept < 8_000_000
        assert most < 10_000_000
