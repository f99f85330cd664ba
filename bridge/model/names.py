"""The names of things: one NewType per number space and per kind of key."""

from typing import NewType

MsgNum = NewType("MsgNum", int)
"""A POP3 message-number, 1-based, frozen for one session (RFC 1939 §4)."""

Uid = NewType("Uid", int)
"""An IMAP UID, 1..2**32-1, meaningful only under one UIDVALIDITY (RFC 3501 §2.3.1.1)."""

UidValidity = NewType("UidValidity", int)
"""An IMAP UIDVALIDITY, 1..2**32-1."""

ModSeq = NewType("ModSeq", int)
"""A CONDSTORE mod-sequence; 0 where the server has none (RFC 7162 §3.1)."""

EntrySeq = NewType("EntrySeq", int)
"""The first-seen sequence number of an entry: its place in every device's order, for ever."""

Uidl = NewType("Uidl", str)
"""A POP3 unique-id as shown to devices: 32 lower-case hexadecimal digits (RFC 1939 §7)."""

AccountId = NewType("AccountId", str)
"""The `id` of an account: the config table's name unless `id` says otherwise."""

DeviceId = NewType("DeviceId", str)
"""The `id` of a device: the config table's name unless `id` says otherwise."""

MailboxName = NewType("MailboxName", str)
"""A mailbox's name in Unicode as the server has it (not modified UTF-7); INBOX in capitals."""

SessionId = NewType("SessionId", str)
"""A device session's name in logs, receipts and the session history."""
