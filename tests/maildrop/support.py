"""Mailboxes, messages and places, with as little said as a test needs."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from bridge.maildrop import MailboxSnapshot, SourceEdit, SourceView, from_messages, unique_id
from bridge.model.names import AccountId, DeviceId, EntrySeq, MailboxName, Uid, UidValidity
from bridge.model.places import MailboxKey, StoredMessage
from bridge.model.secret import Secret
from bridge.model.settings import DeviceSettings, Source

FAMILY, WORK = AccountId("family"), AccountId("work")
INBOX = MailboxKey(FAMILY, MailboxName("INBOX"))
JUNK = MailboxKey(FAMILY, MailboxName("Junk"))
OFFICE = MailboxKey(WORK, MailboxName("INBOX"))
KEYS = (INBOX, JUNK, OFFICE)
FIRST = UidValidity(7)
FAX = DeviceId("fax")
DAY = 86400


def identity(name: str) -> str:
    """A content identity with a Message-ID, one for each name."""
    return "m" + name.encode().hex().rjust(32, "0")


def message(seq: int, uid: int | None = None, *, key: MailboxKey = INBOX, **more: Any) -> StoredMessage:
    """A message as the store gives it: of 1000 octets and its number, unless told otherwise."""
    at = Uid(seq if uid is None else uid)
    row = StoredMessage(EntrySeq(seq), unique_id(key, FIRST, at, 0), at, 1000 + seq, -1, 0, content=identity(f"{seq}"))
    return row._replace(**more)


def mailbox(rows: Iterable[StoredMessage], key: MailboxKey = INBOX, uidvalidity: int = FIRST) -> MailboxSnapshot:
    """A mailbox of these messages."""
    return from_messages(key, UidValidity(uidvalidity), rows)


def device(*keys: MailboxKey, counts: bool = False, mark: str = "", **more: Any) -> DeviceSettings:
    """A device that reads these mailboxes, or INBOX; the last of them has the mark."""
    sources = [Source(key.account, key.mailbox) for key in keys or (INBOX,)]
    sources[-1] = replace(sources[-1], mark=mark)
    quirks = frozenset(["counts"]) if counts else frozenset[str]()
    return DeviceSettings(FAX, "fax", "fax", Secret("x"), tuple(sources), quirks=quirks, **more)


def source(found: MailboxSnapshot, *lingering: MailboxSnapshot, mark: str = "", **more: Any) -> SourceView:
    """A mailbox as a source of a device."""
    return SourceView(Source(found.key.account, found.key.mailbox, mark), (found, *lingering), **more)


def extra(edit: SourceEdit, subject: bool) -> int:
    """What edits add to a message, in the tests: not what they add in truth."""
    return len(edit.provenance) + (len(edit.mark) if subject else 100 * len(edit.mark))
