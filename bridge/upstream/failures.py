"""How this room fails: the model's failures, in sentences that name the account."""

import re

from bridge.imap.events import Tagged
from bridge.model.failures import UpstreamError, UpstreamRefused, UpstreamUnavailable

PASSING_CODES = frozenset({"UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", "OVERQUOTA", "THROTTLED"})
"""Response codes that say `not now` rather than `no` (RFC 5530 §3); THROTTLED is Exchange Online's and Yahoo's."""

TEXT_LIMIT = 200
"""Characters of a server's own words that a sentence repeats."""

# Exchange Online says this in a BAD when a mailbox's store has gone: the connection is of no more use.
_HALF_DEAD = re.compile(r"authenticated but not connected", re.IGNORECASE)


# Exchange Online and its kin say so in NO, BAD and BYE alike.
_SUGGESTED = re.compile(r"Suggested Backoff Time: ([0-9]{1,9}) milliseconds", re.IGNORECASE)

_PAUSES = {"LIMIT": 30.0, "THROTTLED": 60.0, "UNAVAILABLE": 5.0}
"""Seconds that a server is left alone after a code that asks for it without saying how long (RFC 5530 §3). Our own."""

LONGEST_PAUSE = 3600.0
"""A server that asks for more is asked again after an hour all the same."""


def pause_of(code: str, text: str) -> float:
    """Give how many seconds a server wants to be left alone, by what it said in a NO, BAD or BYE."""
    found = _SUGGESTED.search(text)
    asked = int(found[1]) / 1000 if found else _PAUSES.get(code, 0.0)
    return min(asked, LONGEST_PAUSE)


class Dropped(UpstreamUnavailable):
    """The server ended the connection by itself; what was begun can be gone on with over another."""


class NothingCame(UpstreamRefused):
    """The server gave nothing of a message, or no more. Whether it is still there shows only when asked anew."""


def quoted(text: str) -> str:
    """Give a server's words as they stand in a sentence: one line, not too long; empty when it said nothing."""
    words = " ".join(text.split())
    return f' ("{words[:TEXT_LIMIT]}")' if words else ""


def refusal(account: str, what: str, answer: Tagged) -> UpstreamError:
    """Make the failure for a command that was answered NO or BAD. `what` reads like `open INBOX`."""
    code = answer.code.name if answer.code else ""
    sentence = f"account {account}: the server would not {what}{quoted(answer.text)}"
    pause = pause_of(code, answer.text)
    if code in PASSING_CODES or pause:
        return UpstreamUnavailable(account, f"{sentence}; it is tried again later", pause)
    if answer.kind == "BAD" and _HALF_DEAD.search(answer.text):
        return Dropped(account, f"{sentence}; a new connection is needed")
    return UpstreamRefused(account, sentence, code)
