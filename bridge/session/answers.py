"""What a failure sounds like: the one table from failures to replies, counters and log levels."""

from dataclasses import dataclass, replace
from typing import Literal

from bridge.model import failures

Code = Literal["AUTH", "SYS/TEMP", "SYS/PERM", "IN-USE"]
Level = Literal["info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Answer:
    """A `-ERR` reply: its response code (RFC 2449 §8, RFC 3206), its text, and how loudly it is logged."""

    code: Code | None
    text: str
    level: Level


WRONG_LOGIN = Answer("AUTH", "wrong login or password", "warning")
NOT_REMOVED = Answer("SYS/TEMP", "some deleted messages not removed, try again", "error")
TOO_MANY = Answer("SYS/TEMP", "too many connections, try again later", "warning")
FIRST_LISTING = "first listing, {listed} of {of} messages so far, try again soon"
NO_SUCH_MESSAGE = "no such message"
ALREADY_DELETED = "message {num} is already marked as deleted"

_TABLE: tuple[tuple[type[Exception], Answer], ...] = (
    (failures.MaildropInUse, Answer("IN-USE", "another session of this device is open, try again soon", "info")),
    (failures.NotListedYet, Answer("SYS/TEMP", "the mail is being listed for the first time, try again soon", "info")),
    (failures.MessageGone, Answer(None, "this message was removed from its mailbox meanwhile", "info")),
    (failures.MailboxChanged, Answer("SYS/TEMP", "the mailbox is being listed anew, try again soon", "warning")),
    (failures.MessageChanged, Answer("SYS/TEMP", "the message changed while it was read, try again", "warning")),
    (
        failures.UpstreamError,
        Answer("SYS/TEMP", "the mail account cannot be read just now, try again later", "warning"),
    ),
    (failures.SignInsHeldBack, Answer("SYS/TEMP", "too many wrong passwords lately, try again later", "warning")),
    (failures.StoreError, Answer("SYS/TEMP", "the bridge cannot write its records just now, try again later", "error")),
    (failures.BridgeError, Answer("SYS/TEMP", "the bridge cannot do this just now, try again later", "error")),
)


def answer(failure: failures.BridgeError) -> Answer:
    """Give the reply for a failure. Never `[AUTH]`: that is for the device's own password alone (RFC 3206 §5)."""
    found = next(reply for family, reply in _TABLE if isinstance(failure, family))
    if isinstance(failure, failures.NotListedYet) and failure.of:
        return replace(found, text=FIRST_LISTING.format(listed=failure.listed, of=failure.of))
    return found
