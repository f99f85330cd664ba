"""The part of the store that only an owner's commands ask for."""

import sqlite3
from typing import NamedTuple

from bridge.model.names import AccountId, DeviceId, EntrySeq, MailboxName, Uid, UidValidity
from bridge.model.places import MailboxKey
from bridge.model.update import BringBack, MovedTo
from bridge.store import clocks
from bridge.store.forgetting import ForgottenAccount, forget_account
from bridge.store.ledger import Ledger
from bridge.store.rows import for_people

_RETURNING = (
    "SELECT i.id, i.entry, a.name, m.name, i.target, i.target_uidvalidity, i.target_uid, i.size, i.content"
    " FROM intents i JOIN mailboxes m ON m.id = i.mailbox JOIN accounts a ON a.id = m.account"
    " WHERE i.state = 'returning' AND NOT EXISTS (SELECT 1 FROM facts WHERE name = 'restored') ORDER BY i.id"
)


_BACK = (
    "SELECT 1 FROM intents i JOIN locations l ON l.entry = i.entry AND l.gone_at IS NULL"
    " JOIN mailboxes m ON m.id = l.mailbox WHERE i.id = ?"
    " AND (l.mailbox, l.uidvalidity, l.uid) <> (i.mailbox, i.uidvalidity, i.uid)"
    " AND (m.name, l.uidvalidity, l.uid) <> (i.target, i.target_uidvalidity, i.target_uid)"
)


_WITH_PROMISES = (
    "SELECT DISTINCT a.name FROM intents i JOIN mailboxes m ON m.id = i.mailbox JOIN accounts a ON a.id = m.account"
    " WHERE i.state IN ('waiting', 'held', 'voting', 'returning')"
)


class Remembered(NamedTuple):
    """Every device and account that the database has a row of, in the configuration or not."""

    devices: list[DeviceId]
    accounts: list[AccountId]


class AdminStore(Ledger):
    """What commands about what was done upstream, and about accounts, ask. As `Store` says of waiting and failing."""

    async def remembered(self) -> Remembered:
        """Give who is remembered, in the order of their names."""
        return await self._read(_remembered)

    async def note_clock(self, behind: float) -> None:
        """Write by how many seconds the wall clock is ahead of what this store takes for the time."""
        await self._write(lambda db: clocks.note_clock(db, behind))

    async def follow_clock(self) -> float:
        """Go by the wall clock, whatever was noted before: what waits is put off by as much, which is given."""
        return await self._write(clocks.follow_clock)

    async def last_logins(self) -> dict[DeviceId, float]:
        """Give when each device last logged in, in Unix seconds; those that never did are left out."""
        sql = "SELECT name, last_login FROM devices WHERE last_login IS NOT NULL"
        return dict(await self._read(lambda db: db.execute(sql).fetchall()))

    async def accounts_with_promises(self) -> frozenset[AccountId]:
        """Give the accounts at which something is still to be done that a QUIT or an undo promised."""
        return frozenset(await self._read(lambda db: [AccountId(name) for (name,) in db.execute(_WITH_PROMISES)]))

    async def returning(self) -> list[BringBack]:
        """Give what is to be moved back because its owner undid it, the oldest promise first; nothing while the
        database is a restored one.
        """
        return await self._read(_returning)

    async def not_brought_back(self, intent: int, note: str) -> None:
        """Write that a message cannot be moved back, and why: what was carried out stands."""
        sql = "UPDATE intents SET state = 'done', note = ? WHERE id = ? AND state = 'returning'"
        await self._run(sql, for_people(note), intent)

    async def is_back(self, intent: int) -> bool:
        """Tell whether an intent's message was listed at a place that is neither the one it was taken from nor the one
        it was put to: then it was moved back, by whomever.
        """
        return bool(await self._read(lambda db: db.execute(_BACK, (intent,)).fetchone()))

    async def forget_account(self, account: AccountId) -> ForgottenAccount:
        """Take an account's messages for gone and call off what is still to be done there. Unique-ids stay for ever."""
        now = self._now()
        return await self._write(lambda db: forget_account(db, account, now))


def _remembered(db: sqlite3.Connection) -> Remembered:
    devices = [DeviceId(name) for (name,) in db.execute("SELECT name FROM devices ORDER BY name")]
    return Remembered(devices, [AccountId(name) for (name,) in db.execute("SELECT name FROM accounts ORDER BY name")])


def _returning(db: sqlite3.Connection) -> list[BringBack]:
    return [
        BringBack(
            intent=intent,
            seq=EntrySeq(entry),
            source=MailboxKey(AccountId(account), MailboxName(mailbox)),
            moved=MovedTo(MailboxName(target), UidValidity(uidvalidity), Uid(uid)),
            size=size,
            content=content,
        )
        for intent, entry, account, mailbox, target, uidvalidity, uid, size, content in db.execute(_RETURNING)
    ]
