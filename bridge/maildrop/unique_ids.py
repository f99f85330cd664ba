"""Where unique-ids come from: a digest of the first location, so that a lost database gives the same ones again."""

from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

from bridge.model.names import Uid, Uidl, UidValidity
from bridge.model.places import MailboxKey

if TYPE_CHECKING:
    from hashlib import _Hash

SCHEME = b"1"
"""The version that goes into every digest: a change of scheme must never collide with an older one."""

UIDL_DIGITS = 32
"""Hexadecimal digits of a unique-id: within the 1 to 70 octets of RFC 1939 §7, and no punctuation."""


def unique_id(key: MailboxKey, uidvalidity: UidValidity, uid: Uid, attempt: int) -> Uidl:
    """Give the `attempt`-th candidate (from 0) for a message first seen at this location.

    The parts are length-prefixed, so no two different locations can hash the same octets.
    """
    return namer(key, uidvalidity)(uid, attempt)


def namer(key: MailboxKey, uidvalidity: UidValidity) -> Callable[[Uid, int], Uidl]:
    """Give `unique_id` for one mailbox: a first listing asks for 100,000."""
    begun = _begun(key, uidvalidity)

    def name(uid: Uid, attempt: int) -> Uidl:
        digits, tries = str(uid), str(attempt)
        digest = begun.copy()
        digest.update(f"{len(digits)}:{digits}{len(tries)}:{tries}".encode())
        return Uidl(digest.hexdigest()[:UIDL_DIGITS])

    return name


@lru_cache(maxsize=64)
def _begun(key: MailboxKey, uidvalidity: UidValidity) -> "_Hash":
    """Give the digest as far as it is the same for a whole mailbox: only copies of it go on."""
    parts = (SCHEME, key.account.encode(), key.mailbox.encode("utf-8", "surrogatepass"), b"%d" % uidvalidity)
    return sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts))
