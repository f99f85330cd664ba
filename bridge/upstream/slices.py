"""Asking after many messages slice by slice, where a server tells only of so many at once (RFC 9738)."""

from bridge.imap import UidSet, commands
from bridge.imap.events import Event, Fetched, Tagged
from bridge.model.failures import UpstreamUnavailable
from bridge.model.names import Uid
from bridge.upstream.link import Link

MESSAGE_LIMIT = "MESSAGELIMIT"
"""The capability, with `=` and the number, and the code by which a server says that it told only of some."""


def message_limit(link: Link) -> int:
    """Give how many messages one command may be about, 0 for any number."""
    told = (name.partition("=") for name in link.imap.capabilities if name.startswith(f"{MESSAGE_LIMIT}="))
    return next((int(number) for _, _, number in told if number.isdecimal()), 0)


async def slices(link: Link, first: Uid, messages: int) -> list[tuple[Uid, Uid | None]]:
    """Cut the UIDs from `first` on into stretches that the open mailbox, with its `messages`, has no more in than one
    command may be about; the last is open at its end. One round trip for a million messages, and none where
    there is no limit.
    """
    limit = message_limit(link)
    if not limit or messages <= limit:
        return [(first, None)]
    step = max(1, limit - limit // 10)  # some may come meanwhile
    found: set[int] = set()

    def keep(event: Event) -> None:
        if isinstance(event, Fetched) and event.uid is not None and event.uid > first:
            found.add(event.uid)

    numbers = range(1, messages + 1, step)
    for at in range(0, len(numbers), limit):
        asked = commands.fetch_uids(UidSet.from_uids(numbers[at : at + limit]))
        check_whole(link, await link.must("tell UIDs", asked, keep))
    begins = [first, *(Uid(uid) for uid in sorted(found))]
    return list(zip(begins, [*(Uid(uid - 1) for uid in begins[1:]), None], strict=True))


def check_whole(link: Link, answer: Tagged) -> None:
    """Raise `UpstreamUnavailable` when an OK says that it is about some messages only: the others are not gone."""
    if answer.code is not None and answer.code.name == MESSAGE_LIMIT:
        sentence = f"account {link.account}: the server told only of some of the messages that it was asked after"
        raise UpstreamUnavailable(link.account, sentence)
