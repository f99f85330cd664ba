"""Writing a first listing, in batches."""

import sqlite3

from bridge.model.places import ListingChange, StoredMessage
from bridge.store.places import Found, Name, OpenMailbox, append, end_all_but, end_entries, end_uids
from bridge.store.rows import mailbox_row


def apply_listing(db: sqlite3.Connection, change: ListingChange, name: Name, now: float) -> list[StoredMessage]:
    """Apply one change; gives the appended messages as stored, in order."""
    mailbox = OpenMailbox(db, mailbox_row(db, change.key), change.uidvalidity, now)
    if change.replaced:
        _start_over(mailbox)
    if change.vanished:
        end_entries(db, end_uids(mailbox, change.vanished), now)
    stored = append(mailbox, Found(change.appended, {}), name) if change.appended else {}
    if change.state is None:
        db.execute(
            "UPDATE mailboxes SET uidvalidity = ? WHERE id = ? AND listed_at IS NULL", (change.uidvalidity, mailbox.row)
        )
    else:
        _finish(mailbox, change)
    return [stored[message.uid] for message in change.appended]


def _start_over(mailbox: OpenMailbox) -> None:
    """Forget what an earlier try to list under a new UIDVALIDITY had begun: what is still there is revived when it is
    listed. The last whole listing stays until the new one is whole, so that a crash between leaves it to be shown.
    """
    sql = "SELECT uidvalidity FROM mailboxes WHERE id = ? AND listed_at IS NOT NULL"
    shown = mailbox.db.execute(sql, (mailbox.row,)).fetchone()
    _forget_all_but(mailbox, mailbox.uidvalidity if shown is None else shown[0])


def _finish(mailbox: OpenMailbox, change: ListingChange) -> None:
    """The mailbox is listed whole: what was known of it under another UIDVALIDITY is void (RFC 3501 §2.3.1.1)."""
    state = change.state
    if state is None or state.uidvalidity != change.uidvalidity:
        raise ValueError("a change and its state speak of two UIDVALIDITYs")
    _forget_all_but(mailbox, change.uidvalidity)
    mailbox.db.execute(
        "UPDATE mailboxes SET uidvalidity = ?, uidnext = ?, messages = ?, modseq = ?, listed_at = ? WHERE id = ?",
        (state.uidvalidity, state.uidnext, state.exists, state.modseq, mailbox.now, mailbox.row),
    )


def _forget_all_but(mailbox: OpenMailbox, uidvalidity: int) -> None:
    end_entries(mailbox.db, end_all_but(mailbox, uidvalidity), mailbox.now)
