"""Where unique-ids come from: a digest of the first location, so that a lost database gives the same ones again."""

from hashlib import sha256

from bridge.model.names import Uid, Uidl, UidValidity
from bridge.model.places import MailboxKey

SCHEME = b"1"
"""The version that goes into every digest: a change of scheme must never collide with an older one."""

UIDL_DIGITS = 32
"""Hexadecimal digits of a unique-id: within the 1 to 70 octets of RFC 1939 §7, and no punctuation."""


def unique_id(key: MailboxKey, uidvalidity: UidValidity, uid: Uid, attempt: int) -> Uidl:
    """Give the `attempt`-th candidate (from 0) for a message first seen at this location.

    The parts are length-prefixed, so no two different locations can hash the same octets.
    """
    parts = (SCHEME, key.account.encode(), key.mailbox.encode("utf-8", "surrogatepass"))
    numbers = tuple(b"%d" % number for number in (uidvalidity, uid, attempt))
    octets = b"".join(b"%d:%b" % (len(part), part) for part in parts + numbers)
    return Uidl(sha256(octets).hexdigest()[:UIDL_DIGITS])
