"""The store: state in one SQLite file, written by one task."""

import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, NamedTuple

import trio

from bridge.model.names import AccountId, DeviceId, EntrySeq, MailboxName, ModSeq, Uid, Uidl, UidValidity
from bridge.model.places import ListingChange, Location, MailboxKey, MailboxState, StoredMessage
from bridge.model.update import Intent, IntentState, SessionRecord, UpdatePlan
from bridge.store import listing, updates
from bridge.store.opening import open_database, reading, state_lock
from bridge.store.overview import overview
from bridge.store.writer import Runner, Writer, in_thread


class StoredMailbox(NamedTuple):
    """One mailbox; `state` is None until it was listed whole."""

    key: MailboxKey
    state: MailboxState | None


class Store:
    """Everything popbridge remembers. Each method returns after COMMIT, raises `StoreUnavailable` when nothing was
    written, and leaves the outcome unknown when it is cancelled while waiting.
    """

    def __init__(self, writer: Writer, now: Callable[[], float]) -> None:
        self._write = writer.write
        self._now = now

    async def register(self, accounts: Iterable[AccountId], devices: Iterable[DeviceId]) -> None:
        """Make rows for the configuration's accounts and devices."""

        def unit(db: sqlite3.Connection) -> None:
            for account in accounts:
                listing.account_row(db, account)
            for device in devices:
                listing.device_row(db, device)

        await self._write(unit)

    async def load_mailboxes(self) -> list[StoredMailbox]:
        """Give every mailbox ever listed or begun."""
        sql = (
            "SELECT a.name, m.name, m.uidvalidity, m.uidnext, m.messages, m.modseq, m.listed_at"
            " FROM mailboxes m JOIN accounts a ON a.id = m.account"
        )
        return [_mailbox(*row) for row in await self._write(lambda db: db.execute(sql).fetchall())]

    async def load_messages(self, key: MailboxKey) -> list[StoredMessage]:
        """Give a mailbox's live messages in first-seen order."""

        def unit(db: sqlite3.Connection) -> list[Any]:
            return db.execute(
                "SELECT l.entry, e.uidl, l.uid, l.size, l.measured, l.date FROM locations l"
                " JOIN entries e ON e.seq = l.entry JOIN mailboxes m ON m.id = l.mailbox"
                " WHERE l.mailbox = ? AND l.gone_at IS NULL AND l.uidvalidity = m.uidvalidity ORDER BY l.entry",
                (listing.mailbox_row(db, key),),
            ).fetchall()

        return [StoredMessage(*row) for row in await self._write(unit)]

    async def load_hides(self, device: DeviceId) -> list[EntrySeq]:
        """Give what a device has hidden."""
        sql = "SELECT h.entry FROM hides h JOIN devices d ON d.id = h.device WHERE d.name = ?"
        return [EntrySeq(row[0]) for row in await self._write(lambda db: db.execute(sql, (device,)).fetchall())]

    async def load_selectors(self) -> dict[tuple[AccountId, str], MailboxName]:
        """Give which mailbox each selector named when it was last looked up."""
        sql = (
            "SELECT a.name, s.selector, m.name FROM selectors s JOIN accounts a ON a.id = s.account"
            " JOIN mailboxes m ON m.id = s.mailbox"
        )
        rows = await self._write(lambda db: db.execute(sql).fetchall())
        return {(AccountId(row[0]), row[1]): MailboxName(row[2]) for row in rows}

    async def save_selector(self, account: AccountId, selector: str, mailbox: MailboxName) -> None:
        """Remember which mailbox a selector names."""

        def unit(db: sqlite3.Connection) -> None:
            row = listing.mailbox_row(db, MailboxKey(account, mailbox))
            where = (listing.account_row(db, account), selector, row)
            db.execute("INSERT OR REPLACE INTO selectors VALUES (?, ?, ?)", where)

        await self._write(unit)

    async def apply_listing(self, change: ListingChange, unique_id: Callable[[Uid, int], Uidl]) -> list[StoredMessage]:
        """Apply one step of a refresh; gives the appended messages as stored. `unique_id(uid, n)` is the n-th
        candidate; one that was ever issued is never issued again.
        """
        now = self._now()
        return await self._write(lambda db: listing.apply_listing(db, change, unique_id, now))

    async def record_sizes(self, sizes: Sequence[tuple[Location, int]]) -> None:
        """Write measured octets."""
        await self._write(lambda db: updates.record_sizes(db, list(sizes)))

    async def commit_update(self, plan: UpdatePlan) -> None:
        """Write all that one QUIT promises, or nothing."""
        await self._write(lambda db: updates.commit_update(db, plan))

    async def record_session(self, record: SessionRecord) -> None:
        """Write a row of the session history."""
        await self._write(lambda db: updates.record_session(db, record))

    async def forget_sessions(self, before: float) -> None:
        """Drop history rows that ended before a Unix time."""
        await self._write(lambda db: db.execute("DELETE FROM sessions WHERE ended < ?", (before,)).rowcount)

    async def due_intents(self, now: float, limit: int) -> list[Intent]:
        """Give up to `limit` waiting intents whose time has come."""
        return await self._write(lambda db: updates.due_intents(db, now, limit))

    async def settle_intent(self, intent: int, state: IntentState, note: str) -> None:
        """Write how an intent ended."""
        sql = "UPDATE intents SET state = ?, note = ? WHERE id = ?"
        await self._write(lambda db: db.execute(sql, (state, note, intent)).rowcount)

    async def retry_intent(self, intent: int, due: float, note: str) -> None:
        """Put an intent off."""
        sql = "UPDATE intents SET due = ?, note = ?, tries = tries + 1 WHERE id = ?"
        await self._write(lambda db: db.execute(sql, (due, note, intent)).rowcount)

    async def overview(self) -> dict[str, Any]:
        """Give the counts that `status` shows."""
        return await self._write(overview)


def _mailbox(account: str, name: str, *numbers: Any) -> StoredMailbox:
    key = MailboxKey(AccountId(account), MailboxName(name))
    uidvalidity, uidnext, messages, modseq, listed = numbers
    if listed is None:
        return StoredMailbox(key, None)
    state = MailboxState(UidValidity(uidvalidity), Uid(uidnext), messages, ModSeq(modseq))
    return StoredMailbox(key, state)


@asynccontextmanager
async def open_store(
    state_dir: str, *, runner: Runner = in_thread, new_state: bool = False, now: Callable[[], float] = time.time
) -> AsyncIterator[Store]:
    """Hold the state directory and its database for the block. Raises `StoreLocked`, `StoreMissing`, `StoreNewer` or
    `StoreUnavailable`. On the way out what was accepted is committed first, even under cancellation.
    """
    where = Path(state_dir)
    with state_lock(where):
        connection: sqlite3.Connection = await runner(lambda: open_database(where, new_state=new_state))
        with closing(connection):
            writer = Writer(connection, runner)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(writer.run)
                try:
                    yield Store(writer, now)
                finally:
                    writer.close()


def read_offline(state_dir: str) -> dict[str, Any]:
    """Give the counts that `status` shows while no daemon runs. Raises a `StoreError`."""
    with reading(Path(state_dir)) as connection:
        return overview(connection)
