"""Letting go of an account that the configuration does not have any more."""

import sqlite3
from typing import NamedTuple

_ENDED = (
    "UPDATE locations SET gone_at = ? WHERE gone_at IS NULL"
    " AND mailbox IN (SELECT id FROM mailboxes WHERE account = ?) RETURNING entry"
)
_GONE = (
    "UPDATE entries SET gone_at = ? WHERE seq = ? AND gone_at IS NULL"
    " AND NOT EXISTS (SELECT 1 FROM locations WHERE entry = seq AND gone_at IS NULL)"
)
_CALLED_OFF = (
    "UPDATE intents SET state = 'cancelled', settled_at = ?, note = 'its account was forgotten'"
    " WHERE state IN ('waiting', 'held', 'voting', 'returning')"
    " AND mailbox IN (SELECT id FROM mailboxes WHERE account = ?)"
)
_DROPPED = (
    "DELETE FROM suspicions WHERE mailbox IN (SELECT id FROM mailboxes WHERE account = ?)",
    "DELETE FROM device_sources WHERE mailbox IN (SELECT id FROM mailboxes WHERE account = ?)",
    "DELETE FROM selectors WHERE account = ?",
    "DELETE FROM upstream_usage WHERE account = ?",
    "DELETE FROM refusals WHERE account = ?",
    """UPDATE mailboxes SET uidvalidity = NULL, uidnext = NULL, messages = NULL, modseq = NULL, listed_at = NULL
       WHERE account = ?""",
)


class ForgottenAccount(NamedTuple):
    """What was let go: `mailboxes` and `messages` that were known, and `intents` that will not be carried out."""

    mailboxes: int
    messages: int
    intents: int


def forget_account(db: sqlite3.Connection, account: str, now: float) -> ForgottenAccount:
    """End every place of an account, and all that is still to be done there, and keep its secrets no longer.

    Entries, their unique-ids and what devices did with them stay: should the account come back under the same id, its
    messages are the entries they were, and no device sees one again that it deleted.
    """
    found = db.execute("SELECT id FROM accounts WHERE name = ?", (account,)).fetchone()
    if found is None:
        return ForgottenAccount(0, 0, 0)
    listed = "SELECT count(*) FROM mailboxes WHERE account = ? AND uidvalidity IS NOT NULL"
    mailboxes = db.execute(listed, found).fetchone()[0]
    entries = {entry for (entry,) in db.execute(_ENDED, (now, *found)).fetchall()}
    gone = db.executemany(_GONE, [(now, entry) for entry in entries]).rowcount
    intents = db.execute(_CALLED_OFF, (now, *found)).rowcount
    for statement in _DROPPED:
        db.execute(statement, found)
    db.execute("DELETE FROM sealed_secrets WHERE kind IN ('oauth', 'remembered') AND owner = ?", (account,))
    return ForgottenAccount(mailboxes, max(gone, 0), intents)
