"""The half of the store that remembers accounts, their mailboxes and what lies in them."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from bridge.model.names import AccountId, MailboxName, ModSeq, Uid, Uidl, UidValidity
from bridge.model.places import ListingChange, Location, MailboxKey, MailboxState, StoredMessage
from bridge.store import listing, updates
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

    async def record_sizes(self, sizes: Sequence[tuple[Location, int]]) -> None:
        """Write octets that were measured. What is no longer there is passed over."""
        measured = tuple(sizes)
        await self._write(lambda db: updates.record_sizes(db, measured))


def _mailbox(account: str, name: str, uidvalidity: int | None, *listed: Any) -> StoredMailbox:
    key = MailboxKey(AccountId(account), MailboxName(name))
    uidnext, messages, modseq, listed_at = listed
    if uidvalidity is None:
        return StoredMailbox(key, None)
    validity = UidValidity(uidvalidity)
    if listed_at is None:
        return StoredMailbox(key, None, validity)
    return StoredMailbox(key, MailboxState(validity, Uid(uidnext), messages, ModSeq(modseq)), validity)
