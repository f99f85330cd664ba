"""The records of moving in. Pure, as all of this room but `reading` and `replies` is."""

import re
from collections.abc import Callable
from typing import NamedTuple

from bridge.model.names import EntrySeq, Uidl

UNIQUE_ID = re.compile(r"[!-~]{1,70}")
"""RFC 1939 §7: 1 to 70 characters from 0x21 to 0x7E."""

Progress = Callable[[int, int], None]
"""Hears how many messages were looked at, of how many."""


class FormerMessage(NamedTuple):
    """A message at the former server. `identity` is empty while nobody looked, or when the server would not show it;
    without a Message-ID it is not to be compared, and `fields` has what is: a header block.
    """

    number: int
    uidl: str
    identity: str = ""
    fields: bytes = b""


class Candidate(NamedTuple):
    """A message that popbridge shows, or would show, to a device.

    `source` is the place of its mailbox among the device's sources, from 0; `inbox` tells whether that is an INBOX.
    Identities are as in `StoredMessage`; `date` is INTERNALDATE in Unix seconds.
    """

    seq: EntrySeq
    uidl: Uidl
    source: int
    inbox: bool
    uidvalidity: int
    uid: int
    provider: str
    content: str
    date: int
