"""Writing what was found out of messages after they were listed: octets, a Subject, a content identity."""

import sqlite3
from collections.abc import Iterable, Sequence

from bridge.model.names import Uid, UidValidity
from bridge.model.places import Location, MailboxKey, MeasuredMessage
from bridge.store.rows import mailbox_row

_HERE = " WHERE mailbox = ? AND uidvalidity = ? AND uid = ? AND gone_at IS NULL"


def record_identities(
    db: sqlite3.Connection, key: MailboxKey, uidvalidity: UidValidity, found: Iterable[tuple[Uid, str]]
) -> None:
    """Write content identities, of what is still there."""
    mailbox = mailbox_row(db, key)
    db.executemany(
        "UPDATE locations SET content_identity = ?" + _HERE,  # noqa: S608 - ours
        [(content, mailbox, uidvalidity, uid) for uid, content in found],
    )


def record_measured(db: sqlite3.Connection, found: Sequence[tuple[Location, MeasuredMessage]]) -> None:
    """Write octets and whether there is a Subject field, of what is still there."""
    mailboxes = {key: mailbox_row(db, key) for key in {place.key for place, _ in found}}
    db.executemany(
        "UPDATE locations SET measured = ?, subject = ?" + _HERE,  # noqa: S608 - ours
        [
            (octets, int(subject), mailboxes[place.key], place.uidvalidity, place.uid)
            for place, (octets, subject) in found
        ],
    )
