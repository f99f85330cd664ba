"""How names are read: mailboxes, flags, attributes, capabilities."""

from collections.abc import Iterable
from typing import Final

from bridge.imap import mutf7

# Compared without regard to case, so given in one spelling: RFC 9051 §7.3.1 and §2.3.2, RFC 6154 §2, RFC 8457 §3.
_ROLES: Final = (r"\All", r"\Archive", r"\Drafts", r"\Flagged", r"\Important", r"\Junk", r"\Sent", r"\Trash")
_TRAITS: Final = (r"\HasChildren", r"\HasNoChildren", r"\Marked", r"\NonExistent", r"\Noinferiors", r"\Noselect")
_MORE_TRAITS: Final = (r"\Remote", r"\Subscribed", r"\Unmarked")
_FLAGS: Final = (r"\Answered", r"\Deleted", r"\Draft", r"\Recent", r"\Seen")
_SPELLINGS: Final = {name.lower(): name for name in (*_ROLES, *_TRAITS, *_MORE_TRAITS, *_FLAGS)}


def text(octets: bytes) -> str:
    """Read what is for people, or a name that is not a mailbox's: UTF-8, with replacements for what is none."""
    return octets.decode("utf-8", "replace")


def flags(octets: Iterable[bytes]) -> frozenset[str]:
    """Read flags or mailbox attributes, those with a backslash in the RFCs' spelling."""
    return frozenset(_SPELLINGS.get(name.lower(), name) for name in map(text, octets))


def capitals(octets: Iterable[bytes]) -> frozenset[str]:
    """Read words that are compared without regard to case."""
    return frozenset(text(word).upper() for word in octets)


def mailbox(octets: bytes, *, utf8: bool) -> str:
    """Read a mailbox's name: UTF-8 where that was agreed, else modified UTF-7; INBOX in capitals."""
    name = text(octets) if utf8 else mutf7.decode(octets)
    return "INBOX" if name.upper() == "INBOX" else name
