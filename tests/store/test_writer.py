"""The group-commit writer: one transaction for many, and each unit alone in it."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from bridge.model.failures import StoreUnavailable
from bridge.model.names import EntrySeq
from bridge.store import inline, open_store
from bridge.store.opening import DATABASE, open_database
from bridge.store.writer import DRAIN_SECONDS, Runner, Writer
from bridge.telemetry import set_instant_hook
from tests.store.support import DEN, FAX, fill, plan

Unit = Callable[[sqlite3.Connection], Any]


def insert(name: str) -> Unit:
    return lambda db: db.execute("INSERT INTO accounts(name) VALUES (?)", (name,)).rowcount


def names(db: sqlite3.Connection) -> list[str]:
    return [name for (name,) in db.execute("SELECT name FROM accounts ORDER BY name")]


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_database(tmp_path, new_state=False)) as db:
        yield db


@pytest.fixture
def commits() -> Iterator[list[str]]:
    """Collect the writer's instants, one pair for each transaction."""
    seen: list[str] = []
    set_instant_hook(seen.append)
    yield seen
    set_instant_hook(lambda name: None)


@asynccontextmanager
async def running(connection: sqlite3.Connection, runner: Runner = inline) -> AsyncIterator[Writer]:
    writer = Writer(connection, Path(DATABASE), runner)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(writer.run)
        try:
            yield writer
        finally:
            writer.close()


async def all_of(writer: Writer, *units: Unit) -> list[Any]:
    """Write units at once; gives what each gave or raised."""
    results: list[Any] = [None] * len(units)

    async def one(number: int, unit: Unit) -> None:
        try:
            results[number] = await writer.write(unit)
        except (StoreUnavailable, LookupError) as failure:
            results[number] = failure

    async with trio.open_nursery() as nursery:
        for number, unit in enumerate(units):
            nursery.start_soon(one, number, unit)
    return results


async def test_many_callers_share_a_commit(connection: sqlite3.Connection, commits: list[str]) -> None:
    async with running(connection) as writer:
        assert await all_of(writer, *(insert(str(number)) for number in range(50))) == [1] * 50
    assert commits.count("store.after_commit") < 5
    assert len(names(connection)) == 50


async def test_a_unit_fails_alone(connection: sqlite3.Connection, commits: list[str]) -> None:
    def half(db: sqlite3.Connection) -> None:
        insert("half")(db)
        raise LookupError("no")

    async with running(connection) as writer:
        assert await writer.write(insert("a")) == 1
        del commits[:]
        failed, twice, last = await all_of(writer, half, insert("a"), insert("b"))
    assert isinstance(failed, LookupError)
    assert "does not take the change" in str(twice)
    assert last == 1
    assert names(connection) == ["a", "b"]
    assert commits.count("store.after_commit") <= 2


async def test_a_full_disk_fails_the_batch_and_not_the_writer(connection: sqlite3.Connection) -> None:
    [pages] = connection.execute("PRAGMA page_count").fetchone()
    async with running(connection) as writer:
        assert await writer.write(insert("before")) == 1
        connection.execute(f"PRAGMA max_page_count = {pages}")
        small, large = await all_of(writer, insert("small"), insert("x" * 100_000))
        assert "disk is full: make room" in str(large)
        assert isinstance(large, StoreUnavailable)
        connection.execute(f"PRAGMA max_page_count = {pages + 100}")
        assert await writer.write(insert("after")) == 1
    assert names(connection) == (["after", "before", "small"] if small == 1 else ["after", "before"])


async def test_a_transaction_that_is_lost_fails_everyone_in_it(connection: sqlite3.Connection) -> None:
    connection.execute(
        "CREATE TRIGGER lose BEFORE INSERT ON accounts WHEN new.name = 'lose' BEGIN SELECT RAISE(ROLLBACK, 'lost'); END"
    )
    async with running(connection) as writer:
        results = await all_of(writer, insert("a"), insert("lose"), insert("b"))
        # Which ones came before in the batch is the scheduler's choice; none may be told that it was written.
        written = [name for name, result in zip(("a", "lose", "b"), results, strict=True) if result == 1]
        assert names(connection) == written
        assert "lose" not in written
        assert await writer.write(insert("after")) == 1


async def test_a_read_only_database_is_a_sentence(connection: sqlite3.Connection) -> None:
    async with running(connection) as writer:
        connection.execute("PRAGMA query_only = ON")
        with pytest.raises(StoreUnavailable, match="it is read-only: give"):
            await writer.write(insert("a"))
        connection.execute("PRAGMA query_only = OFF")
        assert await writer.write(insert("b")) == 1
    assert names(connection) == ["b"]


async def test_a_database_locked_by_another_program(connection: sqlite3.Connection, tmp_path: Path) -> None:
    connection.execute("PRAGMA busy_timeout = 0")
    async with running(connection) as writer:
        with closing(sqlite3.connect(tmp_path / DATABASE)) as other:
            other.execute("BEGIN IMMEDIATE")
            results = await all_of(writer, insert("a"), insert("b"))
            assert all("another program holds it locked" in str(result) for result in results)
        assert await writer.write(insert("c")) == 1
    assert names(connection) == ["c"]


async def test_a_failed_commit_is_rolled_back_whole(connection: sqlite3.Connection) -> None:
    """A constraint that is looked at only at COMMIT makes COMMIT itself fail."""
    connection.execute("CREATE TABLE later (account INTEGER REFERENCES accounts(id) DEFERRABLE INITIALLY DEFERRED)")
    async with running(connection) as writer:
        dangling = await all_of(writer, insert("a"), lambda db: db.execute("INSERT INTO later VALUES (99)").rowcount)
        assert isinstance(dangling[1], StoreUnavailable)
        assert names(connection) == (["a"] if dangling[0] == 1 else [])
        assert await writer.write(insert("b")) == 1
    assert connection.execute("SELECT count(*) FROM later").fetchone() == (0,)


async def test_what_was_accepted_is_written_before_the_end(tmp_path: Path) -> None:
    done: list[str] = []

    async def one(store_write: Callable[[Unit], Any], name: str) -> None:
        await store_write(insert(name))
        done.append(name)

    async with trio.open_nursery() as nursery, open_store(tmp_path) as store:
        for number in range(20):
            nursery.start_soon(one, store._write, f"{number:02}")
        await trio.testing.wait_all_tasks_blocked()
    assert len(done) == 20
    async with open_store(tmp_path) as store:
        assert await store._write(names) == sorted(done)


async def test_an_owner_that_is_cancelled_writes_first_what_was_accepted(tmp_path: Path) -> None:
    with trio.CancelScope() as scope:
        async with open_store(tmp_path) as store, trio.open_nursery() as nursery:
            nursery.start_soon(store._write, insert("a"))
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
    assert scope.cancelled_caught
    async with open_store(tmp_path) as store:
        assert await store._write(names) == ["a"]


async def test_a_caller_that_is_cancelled_harms_nobody(connection: sqlite3.Connection) -> None:
    async with running(connection) as writer:
        with trio.move_on_after(0) as scope:
            await writer.write(insert("perhaps"))
        assert scope.cancelled_caught
        assert await writer.write(insert("surely")) == 1
    assert "surely" in names(connection)


async def test_after_the_end_nothing_is_taken(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await fill(store, 1)
    with pytest.raises(StoreUnavailable, match="being closed"):
        await store.commit_update(plan(FAX, 1.0, [EntrySeq(1)]))


async def test_a_disk_that_hangs_does_not_hold_up_the_end_for_ever(
    connection: sqlite3.Connection, autojump_clock: trio.testing.MockClock
) -> None:
    async def hang(work: Callable[[], Any]) -> Any:
        await trio.sleep_forever()

    told: list[Any] = []

    async def one(writer: Writer) -> None:
        told.extend(await all_of(writer, insert("never")))

    async with trio.open_nursery() as nursery, running(connection, hang) as writer:
        nursery.start_soon(one, writer)
        await trio.testing.wait_all_tasks_blocked()
    assert trio.current_time() >= DRAIN_SECONDS
    assert "was not written" in str(told[0])
    assert names(connection) == []


async def test_a_writer_that_breaks_leaves_nobody_waiting(connection: sqlite3.Connection) -> None:
    async def breaks(work: Callable[[], Any]) -> Any:
        raise RuntimeError("a fault of ours")

    told: list[Any] = []

    async def one(writer: Writer) -> None:
        with trio.CancelScope(shield=True):
            told.extend(await all_of(writer, insert("never")))

    with pytest.RaisesGroup(RuntimeError, flatten_subgroups=True):
        async with trio.open_nursery() as nursery, running(connection, breaks) as writer:
            nursery.start_soon(one, writer)
            await trio.sleep_forever()
    assert "was not written" in str(told[0])


async def test_looking_and_writing_do_not_wait_for_each_other(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await fill(store, 1)
        store._reader.execute("BEGIN")
        assert store._reader.execute("SELECT count(*) FROM hides").fetchone() == (0,)
        await store.commit_update(plan(DEN, 1.0, [EntrySeq(1)]))
        assert store._reader.execute("SELECT count(*) FROM hides").fetchone() == (0,)
        store._reader.execute("ROLLBACK")
        assert (await store.overview())["totals"]["hidden"] == 1
