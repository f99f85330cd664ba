"""How this room fails: the model's failures, in sentences that name the account."""

import re
from typing import NamedTuple

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

# Gmail says it with OVERQUOTA or without a code, once a day's octets or commands are used up.
_SPENT = re.compile(r"bandwidth limit", re.IGNORECASE)
_THROTTLED = re.compile(r"throttl|rate limit|too many requests|bandwidth limit", re.IGNORECASE)

# Gmail: `Too many simultaneous connections`; Dovecot: `Maximum number of connections from user+IP exceeded`; Courier:
# `Maximum connection limit reached`; Cyrus: `Too many open connections`.
_CROWDED = re.compile(
    r"too many [a-z ]{0,30}(?:connections|sessions)|maximum [a-z ]{0,20}connections?|connection limit", re.IGNORECASE
)

_PAUSES = {"LIMIT": 30.0, "THROTTLED": 60.0, "UNAVAILABLE": 5.0}
"""Seconds that a server is left alone after a code that asks for it without saying how long (RFC 5530 §3). Our own."""

CROWDED_PAUSE = THROTTLED_PAUSE = 60.0
"""The same after words without such a code."""

SPENT_PAUSE = 3600.0
"""The same once a day's budget is used up: it comes back hour by hour."""

LONGEST_PAUSE = 3600.0
"""A server that asks for more is asked again after an hour all the same."""


class Asked(NamedTuple):
    """What a server asks for: as `UpstreamUnavailable` has it."""

    pause: float = 0.0
    throttled: bool = False
    crowded: bool = False


def asked_of(code: str, text: str) -> Asked:
    """Give what a server asks for by a NO, BAD or BYE: by its code and, where there is none that says it, its words."""
    suggested = _SUGGESTED.search(text)
    throttled = code == "THROTTLED" or bool(suggested or _THROTTLED.search(text))
    crowded = not throttled and bool(_CROWDED.search(text))
    if suggested:
        pause = int(suggested[1]) / 1000
    elif _SPENT.search(text):
        pause = SPENT_PAUSE
    else:
        words = THROTTLED_PAUSE if throttled else CROWDED_PAUSE if crowded else 0.0
        pause = _PAUSES.get(code, words)
    return Asked(min(pause, LONGEST_PAUSE), throttled, crowded)


def not_now(account: str, sentence: str, code: str, text: str) -> UpstreamUnavailable:
    """Make the failure for a server that lets nobody in, or anybody go, by what it said."""
    asked = asked_of(code, text)
    return UpstreamUnavailable(account, sentence, asked.pause, throttled=asked.throttled, crowded=asked.crowded)


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
    if code in PASSING_CODES or asked_of(code, answer.text).pause:
        return not_now(account, f"{sentence}; it is tried again later", code, answer.text)
    if answer.kind == "BAD" and _HALF_DEAD.search(answer.text):
        # It comes of many connections, one after the other: the server counts those for a while that have ended.
        # It also is said for ever to a token whose owner has no such mailbox, or has no rights to it.
        advice = "a new connection is needed; if that goes on, `user` may not be the mailbox of who signed in"
        return Dropped(account, f"{sentence}; {advice}", crowded=True)
    return UpstreamRefused(account, sentence, code)
