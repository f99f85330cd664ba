"""The half of the store that remembers accounts, their mailboxes and what lies in them."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from bridge.model.names import AccountId, MailboxName, ModSeq, Uid, Uidl, UidValidity
from bridge.model.places import (
    AccountChange,
    ListingChange,
    Location,
    MailboxKey,
    MailboxPart,
    MailboxState,
    MeasuredMessage,
    OldPlace,
    StoredMessage,
    Suspicion,
)
from bridge.store import learning, listing, old_places, refreshing, suspicions
from bridge.store.ledger import Ledger
from bridge.store.rows import MESSAGE, account_row, mailbox_row


class StoredMailbox(NamedTuple):
    """One mailbox. `state` is None until it was listed whole; `uidvalidity` is what `load_messages` gives messages
    under: that of the last whole listing, before one that of the listing that was begun, before any None.
    """

    key: MailboxKey
    state: MailboxState | None
    uidvalidity: UidValidity | None = None


class IndexStore(Ledger):
    """What the index asks of the store. As `Store` says of waiting and of failing."""

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
            f"SELECT {MESSAGE} FROM accounts a JOIN mailboxes m ON m.account = a.id"  # noqa: S608 - ours
            " JOIN locations l ON l.mailbox = m.id AND l.uidvalidity = m.uidvalidity AND l.gone_at IS NULL"
            " JOIN entries e ON e.seq = l.entry WHERE a.name = ? AND m.name = ? ORDER BY l.entry"
        )
        return [StoredMessage._make(row) for row in await self._run(sql, key.account, key.mailbox)]

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

    async def load_parts(self, key: MailboxKey) -> list[MailboxPart]:
        """Give a listed mailbox's live messages: those under its present UIDVALIDITY first, then the lingering ones
        under former UIDVALIDITYs, newest first. Nothing of a mailbox that was never listed whole.
        """
        return await self._write(lambda db: old_places.load_parts(db, key))

    async def load_in_pieces(self, key: MailboxKey, take: Callable[[UidValidity, list[StoredMessage]], None]) -> None:
        """Give the same to `take`, called in the writer's thread, some messages at a time and in no order: 100,000 rows
        at once are 50 MB. The present part comes first, be it empty.
        """
        await self._write(lambda db: old_places.load_in_pieces(db, key, take))

    async def apply_refresh(
        self, change: AccountChange, unique_id: Callable[[MailboxKey, UidValidity, Uid, int], Uidl]
    ) -> dict[MailboxKey, list[StoredMessage]]:
        """Apply one round of looks at an account's mailboxes, whole or not at all; gives each mailbox's appended and
        inherited messages as stored, in first-seen order.

        `unique_id(key, uidvalidity, uid, n)` is the n-th candidate, asked for in the writer's thread. What vanished and
        what is inherited comes first, for all mailboxes, then what is appended: so an entry that moves is never gone.
        An entry lies at one place at a time: what inherits it ends its other places. What is appended is taken for what
        is known at its place; else, unless its UID vanished in this change, for a gone entry that lay there with its
        size and that no identity tells apart; else it is a new entry. Raises `ValueError` where entries and places
        are not inherited one to one, or an entry does not exist.
        """
        now = self._now()
        return await self._write(lambda db: refreshing.apply_refresh(db, change, unique_id, now))

    async def load_old_places(self, account: AccountId, places: Sequence[Location]) -> list[OldPlace]:
        """Give what lies at these places of an account, sorted by mailbox, UIDVALIDITY and UID. A place where nothing
        lies any more is left out.
        """
        asked, now = tuple(places), self._now()
        return await self._write(lambda db: old_places.load_old_places(db, account, asked, now))

    async def load_kindred(self, account: AccountId, identities: Sequence[str], since: float) -> list[OldPlace]:
        """Give an account's places of messages with one of these identities, provider's or content's: live ones, then
        the last places (`live` False) of entries that are gone since a Unix time, but for what a device had expunged.
        """
        asked = tuple(identities)
        return await self._write(lambda db: old_places.load_kindred(db, account, asked, since))

    async def record_identities(
        self, key: MailboxKey, uidvalidity: UidValidity, found: Sequence[tuple[Uid, str]]
    ) -> None:
        """Write content identities that were found. What is no longer there is passed over."""
        identities = tuple(found)
        await self._write(lambda db: learning.record_identities(db, key, uidvalidity, identities))

    async def record_measured(self, found: Sequence[tuple[Location, MeasuredMessage]]) -> None:
        """Write what counting messages told. What is no longer there is passed over."""
        measured = tuple(found)
        await self._write(lambda db: learning.record_measured(db, measured))

    async def save_suspicion(self, suspicion: Suspicion) -> None:
        """Remember that much of a mailbox went at once. An acceptance of the same suspicion (one `since`) stays."""
        await self._write(lambda db: suspicions.save_suspicion(db, suspicion))

    async def clear_suspicion(self, key: MailboxKey) -> None:
        """Forget a mailbox's suspicion, if it has one."""
        await self._write(lambda db: suspicions.clear_suspicion(db, key))

    async def load_suspicions(self) -> list[Suspicion]:
        """Give all suspicions, by account and mailbox."""
        return await self._write(suspicions.load_suspicions)

    async def accept_suspicions(self, account: AccountId, now: float) -> list[MailboxKey]:
        """Remember that somebody said that what is missing is meant; gives the account's suspicious mailboxes. One
        that was accepted before keeps its time.
        """
        return await self._write(lambda db: suspicions.accept_suspicions(db, account, now))


def _mailbox(account: str, name: str, uidvalidity: int | None, *listed: Any) -> StoredMailbox:
    key = MailboxKey(AccountId(account), MailboxName(name))
    uidnext, messages, modseq, listed_at = listed
    if uidvalidity is None:
        return StoredMailbox(key, None)
    validity = UidValidity(uidvalidity)
    if listed_at is None:
        return StoredMailbox(key, None, validity)
    return StoredMailbox(key, MailboxState(validity, Uid(uidnext), messages, ModSeq(modseq)), validity)
