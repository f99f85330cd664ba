"""Finding the copy of a message in another mailbox: before the original is removed, and before it is copied again."""

from collections.abc import Iterable

from bridge.imap import UidSet
from bridge.model.failures import MailboxMissing
from bridge.model.names import MailboxName, Uid, UidValidity
from bridge.model.update import Intent, MovedTo
from bridge.search import parse
from bridge.upstream.checking import Found, Meant, check
from bridge.upstream.link import Link
from bridge.upstream.listing import search
from bridge.upstream.names import MailboxNames
from bridge.upstream.opening import examine
from bridge.upstream.selected import Selected

CANDIDATES = 20
"""Messages of the right size that are looked at, newest first."""


def is_known(intent: Intent) -> bool:
    """Tell whether a copy of the message can be told from others of its size."""
    return bool(intent.message_id) or intent.content.startswith("m")


async def find_copy(link: Link, names: MailboxNames, mailbox: MailboxName, intent: Intent) -> MovedTo | None:
    """Give where in a mailbox, which is open afterwards, the message lies as well; None when it does not.

    Raises `UpstreamRefused` where the server will not search.
    """
    if not intent.size or not is_known(intent):
        return None
    try:
        selected = await examine(link, names, mailbox)
    except MailboxMissing:
        return None
    size = parse(f"LARGER {intent.size - 1} SMALLER {intent.size + 1}")
    found = await search(link, size, Uid(1), selected.exists)
    return await _first(link, selected, mailbox, intent, _newest(found))


def _newest(uids: UidSet) -> list[Uid]:
    last = [(first, last) for first, last in uids.ranges()][-CANDIDATES:]
    spelled = (Uid(uid) for low, high in reversed(last) for uid in range(high, max(low, high - CANDIDATES) - 1, -1))
    return [uid for uid, _ in zip(spelled, range(CANDIDATES), strict=False)]


async def _first(
    link: Link, selected: Selected, mailbox: MailboxName, intent: Intent, uids: Iterable[Uid]
) -> MovedTo | None:
    content = intent.content if intent.content.startswith("m") else ""
    for uid in uids:
        uidvalidity = UidValidity(selected.uidvalidity)
        meant = Meant(uidvalidity, uid, intent.size, content, intent.message_id)
        if isinstance(await check(link, selected, meant), Found):
            return MovedTo(mailbox, uidvalidity, uid)
    return None
