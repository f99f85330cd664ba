"""What the store's tests share: a mailbox, listings of it, and sessions."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from bridge.maildrop import unique_id
from bridge.model.names import AccountId, DeviceId, EntrySeq, MailboxName, ModSeq, SessionId, Uid, Uidl, UidValidity
from bridge.model.places import (
    ListedMessage,
    ListingChange,
    Location,
    MailboxKey,
    MailboxState,
    MeasuredMessage,
    StoredMessage,
)
from bridge.model.update import NewIntent, SessionRecord, UpdatePlan
from bridge.store import Store
from bridge.store.opening import DATABASE

FAMILY = AccountId("family")
INBOX = MailboxKey(FAMILY, MailboxName("INBOX"))
JUNK = MailboxKey(FAMILY, MailboxName("Jünk"))
FAX = DeviceId("fax")
DEN = DeviceId("den")
ONE = UidValidity(1)
TWO = UidValidity(2)


def namer(key: MailboxKey = INBOX, uidvalidity: UidValidity = ONE) -> Callable[[Uid, int], Uidl]:
    """Give the function that names messages of a mailbox as the index does."""
    return partial(unique_id, key, uidvalidity)


def listed(*uids: int, size: int = 100) -> tuple[ListedMessage, ...]:
    """Give lines of a listing, each message a little larger than the one before."""
    return tuple(ListedMessage(Uid(uid), size + uid, 1_700_000_000 + uid, "") for uid in uids)


def whole(exists: int, uidnext: int, uidvalidity: UidValidity = ONE) -> MailboxState:
    """Give the state that ends a listing."""
    return MailboxState(uidvalidity, Uid(uidnext), exists, ModSeq(7))


async def fill(store: Store, *uids: int, key: MailboxKey = INBOX) -> list[StoredMessage]:
    """List a mailbox whole for the first time."""
    change = ListingChange(key, ONE, listed(*uids), state=whole(len(uids), max(uids, default=0) + 1))
    return await store.apply_listing(change, namer(key))


async def vanish(store: Store, *uids: int, key: MailboxKey = INBOX) -> None:
    """Take messages away."""
    await store.apply_listing(ListingChange(key, ONE, vanished=tuple(map(Uid, uids))), namer(key))


async def measure(store: Store, octets: Mapping[Location, int]) -> None:
    """Have messages counted; they have no Subject."""
    await store.record_measured([(at, MeasuredMessage(counted, False)) for at, counted in octets.items()])


def lost(state_dir: Path) -> set[int]:
    """Give the entries that are gone."""
    with closing(sqlite3.connect(state_dir / DATABASE)) as db:
        return {seq for (seq,) in db.execute("SELECT seq FROM entries WHERE gone_at IS NOT NULL")}


def place(uid: int, key: MailboxKey = INBOX) -> Location:
    """Give a location."""
    return Location(key, ONE, Uid(uid))


def plan(device: DeviceId, at: float, hide: Iterable[EntrySeq], sent: Iterable[EntrySeq] = ()) -> UpdatePlan:
    """Give what a QUIT promises that hides."""
    return UpdatePlan(device, SessionId("s1"), at, hide=tuple(hide), sent=tuple(sent))


def trash(seq: EntrySeq, uid: int, due: float) -> NewIntent:
    """Give the promise to move a message to the trash."""
    return NewIntent(seq, place(uid), "trash", 100 + uid, due)


def session(device: DeviceId, ended: float, reason: str = "quit") -> SessionRecord:
    """Give a row of the history."""
    return SessionRecord(SessionId("s1"), device, "192.168.1.20:4711", ended - 2, ended, 3, 1, 2, 4096, reason)


def uids(messages: Sequence[StoredMessage]) -> list[int]:
    """Give the UIDs of messages, in their order."""
    return [message.uid for message in messages]


def modes(state_dir: Path) -> dict[str, int]:
    """Give the permission bits of every file of a state directory."""
    return {path.name: mode(path) for path in files(state_dir)}


def mode(path: Path) -> int:
    """Give a path's permission bits."""
    return path.stat().st_mode & 0o777


def allow(bits: int, *paths: Path) -> None:
    """Set permission bits."""
    for path in paths:
        path.chmod(bits)


def files(state_dir: Path) -> list[Path]:
    """Give the files of a state directory."""
    return sorted(state_dir.iterdir())


def broken_entries(state_dir: Path) -> list[tuple[int, int]]:
    """Give entries that are not gone exactly when no place is left, or that lie at two places: there may be none."""
    with closing(sqlite3.connect(state_dir / DATABASE)) as db:
        db.execute("PRAGMA query_only = ON")
        return db.execute(
            "SELECT seq, count(l.id) FROM entries LEFT JOIN locations l ON l.entry = seq AND l.gone_at IS NULL"
            " GROUP BY seq HAVING count(l.id) > 1 OR (count(l.id) = 0) <> (entries.gone_at IS NOT NULL)"
        ).fetchall()


def spare(disk: Path) -> int:
    """Fill the disk up; gives how many octets went into the file that does it."""
    with (disk / "other").open("wb", buffering=0) as other:
        try:
            while True:
                other.write(bytes(4096))
        except OSError:
            return other.tell()
