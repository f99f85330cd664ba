"""The store: everything popbridge remembers, as methods that return after COMMIT."""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import trio

from bridge.model.names import AccountId, DeviceId, EntrySeq, MailboxName, ModSeq, Uid, Uidl, UidValidity
from bridge.model.places import ListingChange, Location, MailboxKey, MailboxState, StoredMessage
from bridge.model.update import Intent, IntentState, SessionRecord, UpdatePlan
from bridge.store import listing, updates
from bridge.store.failing import unavailable
from bridge.store.overview import overview
from bridge.store.rows import account_row, device_row, mailbox_row
from bridge.store.writer import Runner, Writer


class StoredMailbox(NamedTuple):
    """One mailbox. `state` is None until it was listed whole; `uidvalidity` is what `load_messages` gives messages
    under: that of the last whole listing, before one that of the listing that was begun, before any None.
    """

    key: MailboxKey
    state: MailboxState | None
    uidvalidity: UidValidity | None = None


class Store:
    """Everything popbridge remembers, as `open_store` gives it.

    Each method waits for a COMMIT, which many callers share, and raises `StoreUnavailable` when nothing was written.
    Cancelled while it waits, the outcome is unknown.
    """

    def __init__(
        self, writer: Writer, reader: sqlite3.Connection, database: Path, runner: Runner, now: Callable[[], float]
    ) -> None:
        self._write = writer.write
        self._reader = reader
        self._reading = trio.Lock()
        self._database = database
        self._runner = runner
        self._now = now

    async def register(self, accounts: Iterable[AccountId], devices: Iterable[DeviceId]) -> None:
        """Make rows for the configuration's accounts and devices; those that are there stay as they are."""
        names, ids = tuple(accounts), tuple(devices)

        def unit(db: sqlite3.Connection) -> None:
            for account in names:
                account_row(db, account)
            for device in ids:
                device_row(db, device)

        await self._write(unit)

    async def load_mailboxes(self) -> list[StoredMailbox]:
        """Give every mailbox ever listed or begun."""
        sql = (
            "SELECT a.name, m.name, m.uidvalidity, m.uidnext, m.messages, m.modseq, m.listed_at"
            " FROM mailboxes m JOIN accounts a ON a.id = m.account ORDER BY m.id"
        )
        return [_mailbox(*row) for row in await self._run(sql)]

    async def load_messages(self, key: MailboxKey) -> list[StoredMessage]:
        """Give a mailbox's live messages in first-seen order: those of its last whole listing, with what was appended
        since, or before one those of the listing that was begun. Of a listing begun under a new UIDVALIDITY nothing is
        given until it is whole.
        """
        sql = (
            "SELECT l.entry, e.uidl, l.uid, l.size, l.measured, l.date"
            " FROM accounts a JOIN mailboxes m ON m.account = a.id"
            " JOIN locations l ON l.mailbox = m.id AND l.uidvalidity = m.uidvalidity AND l.gone_at IS NULL"
            " JOIN entries e ON e.seq = l.entry WHERE a.name = ? AND m.name = ? ORDER BY l.entry"
        )
        return [StoredMessage._make(row) for row in await self._run(sql, key.account, key.mailbox)]

    async def load_hides(self, device: DeviceId) -> list[EntrySeq]:
        """Give what a device has hidden, in first-seen order, gone or not."""
        sql = "SELECT h.entry FROM hides h JOIN devices d ON d.id = h.device WHERE d.name = ? ORDER BY h.entry"
        return [EntrySeq(seq) for (seq,) in await self._run(sql, device)]

    async def load_selectors(self) -> dict[tuple[AccountId, str], MailboxName]:
        """Give which mailbox each selector named when it was last looked up."""
        sql = (
            "SELECT a.name, s.selector, m.name FROM selectors s JOIN accounts a ON a.id = s.account"
            " JOIN mailboxes m ON m.id = s.mailbox"
        )
        return {(AccountId(a), selector): MailboxName(name) for a, selector, name in await self._run(sql)}

    async def save_selector(self, account: AccountId, selector: str, mailbox: MailboxName) -> None:
        """Remember which mailbox a selector names, from now on."""

        def unit(db: sqlite3.Connection) -> None:
            db.execute(
                "INSERT INTO selectors VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET mailbox = excluded.mailbox",
                (account_row(db, account), selector, mailbox_row(db, MailboxKey(account, mailbox))),
            )

        await self._write(unit)

    async def apply_listing(self, change: ListingChange, unique_id: Callable[[Uid, int], Uidl]) -> list[StoredMessage]:
        """Apply one step of a refresh; gives the appended messages as stored, in order.

        `unique_id(uid, n)` is the n-th candidate, asked for in the writer's thread; one that was ever issued is never
        issued again. A message that is known where it is listed is given as stored, with the size it had; one that had
        vanished and is back with its size is the entry it was, hides and all; any other is a new entry. An entry is
        gone when its last location is. A listing under a new UIDVALIDITY takes the place of the old one when a change
        with a state is committed, not before.
        """
        now = self._now()
        return await self._write(lambda db: listing.apply_listing(db, change, unique_id, now))

    async def record_sizes(self, sizes: Sequence[tuple[Location, int]]) -> None:
        """Write octets that were measured. What is no longer there is passed over."""
        measured = tuple(sizes)
        await self._write(lambda db: updates.record_sizes(db, measured))

    async def commit_update(self, plan: UpdatePlan) -> None:
        """Write all that one QUIT promises, or nothing. A hide, once written, stays."""
        await self._write(lambda db: updates.commit_update(db, plan))

    async def record_session(self, record: SessionRecord) -> None:
        """Write a row of the session history."""
        await self._write(lambda db: updates.record_session(db, record))

    async def forget_sessions(self, before: float) -> None:
        """Drop history rows that ended before a Unix time."""
        await self._run("DELETE FROM sessions WHERE ended < ?", before)

    async def due_intents(self, now: float, limit: int) -> list[Intent]:
        """Give up to `limit` waiting intents whose time has come, the longest due first."""
        return await self._write(lambda db: updates.due_intents(db, now, limit))

    async def settle_intent(self, intent: int, state: IntentState, note: str) -> None:
        """Write how an intent ended. One that has ended stays as it ended."""
        await self._write(updates.settle_intent(intent, state, note, self._now()))

    async def retry_intent(self, intent: int, due: float, note: str) -> None:
        """Put a waiting intent off until a Unix time, and count the try."""
        await self._write(updates.retry_intent(intent, due, note))

    async def note_message_id(self, intent: int, text: str) -> None:
        """Write the Message-ID that an intent's message has; what is no UTF-8 in it is kept as escapes."""
        await self._write(updates.note_message_id(intent, text))

    async def overview(self) -> dict[str, Any]:
        """Give the counts that `status` shows, on a connection of its own: no writer waits for it."""
        async with self._reading:
            try:
                facts: dict[str, Any] = await self._runner(partial(overview, self._reader))
            except sqlite3.Error as failure:
                raise unavailable(failure, self._database) from failure
        return facts

    async def stop_reading(self) -> None:
        """Close the connection that reads, when what it reads is read. For `open_store` alone."""
        async with self._reading:
            self._reader.close()

    async def _run(self, sql: str, *values: object) -> list[Any]:
        return await self._write(lambda db: db.execute(sql, values).fetchall())


def _mailbox(account: str, name: str, uidvalidity: int | None, *listed: Any) -> StoredMailbox:
    key = MailboxKey(AccountId(account), MailboxName(name))
    uidnext, messages, modseq, listed_at = listed
    if uidvalidity is None:
        return StoredMailbox(key, None)
    validity = UidValidity(uidvalidity)
    if listed_at is None:
        return StoredMailbox(key, None, validity)
    return StoredMailbox(key, MailboxState(validity, Uid(uidnext), messages, ModSeq(modseq)), validity)
