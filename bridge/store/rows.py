"""The rows that stand for configured and upstream names."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from bridge.model.places import MailboxKey

Facts = dict[str, Any]
"""What is told to people, ready for JSON."""

MESSAGE = (
    "l.entry, e.uidl, l.uid, l.size, l.measured, l.date, CAST(e.first_seen AS INTEGER), l.provider_identity,"
    " l.content_identity, l.subject"
)
"""The columns of a `StoredMessage`, of a location `l` and its entry `e`."""


def account_row(db: sqlite3.Connection, name: str) -> int:
    """Give an account's row, made when it is new."""
    db.execute("INSERT INTO accounts(name) VALUES (?) ON CONFLICT DO NOTHING", (name,))
    return int(db.execute("SELECT id FROM accounts WHERE name = ?", (name,)).fetchone()[0])


def device_row(db: sqlite3.Connection, name: str) -> int:
    """Give a device's row, made when it is new."""
    db.execute("INSERT INTO devices(name) VALUES (?) ON CONFLICT DO NOTHING", (name,))
    return int(db.execute("SELECT id FROM devices WHERE name = ?", (name,)).fetchone()[0])


def mailbox_row(db: sqlite3.Connection, key: MailboxKey) -> int:
    """Give a mailbox's row, made when it is new."""
    account = account_row(db, key.account)
    db.execute("INSERT INTO mailboxes(account, name) VALUES (?, ?) ON CONFLICT DO NOTHING", (account, key.mailbox))
    found = db.execute("SELECT id FROM mailboxes WHERE account = ? AND name = ?", (account, key.mailbox))
    return int(found.fetchone()[0])


def for_people(text: str) -> str:
    """Give text that SQLite can hold: octets of a server that are no UTF-8 are written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def logged_in(db: sqlite3.Connection, logins: Iterable[tuple[float, int]]) -> None:
    """Note Unix times at which devices logged in, given by their rows, in any order."""
    db.executemany(
        "UPDATE devices SET last_login = max(coalesce(last_login, ?1), ?1),"
        " first_login = min(coalesce(first_login, ?1), ?1) WHERE id = ?2",
        logins,
    )


def known_device(db: sqlite3.Connection, name: str) -> int | None:
    """Give a device's row, None where there is none."""
    found = db.execute("SELECT id FROM devices WHERE name = ?", (name,)).fetchone()
    return None if found is None else int(found[0])


def mailbox_rows(db: sqlite3.Connection, keys: Iterable[MailboxKey]) -> dict[MailboxKey, int]:
    """Give the rows of mailboxes, made where they are new."""
    return {key: mailbox_row(db, key) for key in set(keys)}


@contextmanager
def one_moment(db: sqlite3.Connection) -> Iterator[None]:
    """Look at one moment of the database in the block, however many questions are asked. For the reader alone."""
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.execute("ROLLBACK")


def query(db: sqlite3.Connection, sql: str, *values: object) -> list[Facts]:
    """Give rows by the names of their columns."""
    cursor = db.execute(sql, values)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]
