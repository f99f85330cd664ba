"""Listing the open mailbox: a line per message, handed on in batches while more come."""

from array import array
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from itertools import chain
from operator import itemgetter, lt

from bridge.imap import Command, UidSet, commands
from bridge.imap.events import Event, Fetched, FetchedRow, FetchedRows, SearchFound, Tagged
from bridge.model.failures import UpstreamBroken, UpstreamRefused
from bridge.model.names import Uid
from bridge.model.places import ListedMessage
from bridge.search import Criteria
from bridge.upstream.link import Link
from bridge.upstream.patience import PROGRESS_OCTETS, Patience
from bridge.upstream.slices import check_whole, slices

BATCH = 1000
"""Messages handed on at once, unless more have come by then: one database transaction."""

WAITING = 5
"""Batches that may wait for the one before to be committed, to be handed on together: some 3 MB in all."""

LINE_OCTETS = 96
"""About what a line of a listing has."""

NUMBER_OCTETS = 11
"""What a UID in a SEARCH response has at most, with its blank."""

UNANSWERED = "the server did not answer a search"

SEARCHED = 2000
"""Messages that a server may look through in the time of one command: some read every text from the disk for that."""

# In C all the way; a named tuple's own constructor is written in Python.
_AS_LISTED = itemgetter(*(FetchedRow._fields.index(name) for name in ListedMessage._fields))
_NEW_LISTED: Callable[[Iterable[object]], ListedMessage] = partial(tuple.__new__, ListedMessage)

SLACK = 1000
MOST = 2_000_000
"""How many more messages may be told of than twice those that there are said to be, and how many at all. Our own: a
server that makes up messages without end is not listened to without end.
"""

Put = Callable[[list[ListedMessage]], Awaitable[None]]


class UidOrder:
    """Puts rows into UID order, each UID once. Servers list in that order; a row out of it is kept to the end."""

    def __init__(self, first: int) -> None:
        self._last = first - 1
        self._first = first
        self._given = array("I")
        self._late: dict[int, ListedMessage] = {}

    def take(self, rows: Iterable[ListedMessage]) -> list[ListedMessage]:
        """Give those rows that can be handed on now."""
        ready: list[ListedMessage] = []
        together = list(rows)
        uids = [row.uid for row in together]
        if all(map(lt, chain((self._last,), uids), uids)):
            self._last = uids[-1] if uids else self._last
            self._given.extend(uids)
            return together
        for row in together:
            if row.uid > self._last:
                self._last = row.uid
                self._given.append(row.uid)
                ready.append(row)
            elif row.uid >= self._first:
                self._late[row.uid] = row
        return ready

    def rest(self) -> list[ListedMessage]:
        """Give what came out of order, without what was given already."""
        given = set(self._given) if self._late else set()
        return [self._late[uid] for uid in sorted(self._late) if uid not in given]


async def list_messages(link: Link, first: Uid, messages: int, put: Put) -> None:
    """List from `first` on and hand batches to `put`. New rows are progress; `messages` is about how many there are.

    Raises after rows were handed on, too: only when this returns was everything listed.
    """
    for low, high in await slices(link, first, messages):
        await _list(link, low, high, messages, put)


async def _list(link: Link, first: Uid, last: Uid | None, messages: int, put: Put) -> None:
    emailid, gmail = link.can("OBJECTID"), link.can("X-GM-EXT-1")
    link.begin(commands.list_messages(first, last, emailid, gmail), owed=messages * LINE_OCTETS)
    patience, order, told = link.patience(), UidOrder(first), 0
    batch: list[ListedMessage] = []
    while not isinstance(event := await link.step(patience), Tagged):
        told += len(rows := rows_of(event))
        check_told(link, told, messages)
        if ready := order.take(rows):
            batch += ready
            patience.renew()
        if len(batch) >= BATCH:
            await put(batch)
            batch = []
            patience.renew()
    if event.kind != "OK":
        raise link.refused("list its messages", event)
    check_whole(link, event)
    if batch := batch + order.rest():
        await put(batch)


def check_told(link: Link, told: int, messages: int) -> None:
    """Raise `UpstreamBroken`, the connection given up, when a server tells of more messages than it can have."""
    there = max(messages, link.selected.exists if link.selected is not None else 0)
    if told > min(2 * there + SLACK, MOST):
        sentence = f"account {link.account}: the server tells of more messages than it has"
        raise link.lose(UpstreamBroken(link.account, sentence))


def rows_of(event: Event) -> list[ListedMessage]:
    """Give the lines of a listing that an event holds."""
    match event:
        case FetchedRows(rows):
            return list(map(_NEW_LISTED, map(_AS_LISTED, rows)))
        case Fetched(uid=int() as uid, size=int() as size, date=date, identity=identity):
            return [ListedMessage(Uid(uid), size, date or 0, identity)]
        case _:
            return []


async def search_all(link: Link, messages: int) -> UidSet:
    """Give every UID of the open mailbox, in time for an answer as long as `messages` make it, and no longer."""
    parts = await slices(link, Uid(1), messages)
    if len(parts) > 1:
        found = [await _within(link, ("ALL",), part, messages) for part in parts]
        return UidSet(pair for uids in found for pair in uids.ranges())
    octets = messages * NUMBER_OCTETS
    # As long as it takes at the slowest pace accepted.
    whole = await _search(link, commands.search_all(link.can("ESEARCH")), octets, 1 + octets // PROGRESS_OCTETS)
    if whole is None and link.selected is not None and link.selected.exists:
        # Nothing said is not nothing there: the response is required (RFC 3501 §6.4.4), and messages would be lost.
        raise link.lose(UpstreamBroken(link.account, f"account {link.account}: {UNANSWERED}"))
    return whole or UidSet()


async def search(link: Link, criteria: Criteria, first: Uid, messages: int) -> UidSet:
    """Give the UIDs from `first` on that fulfil all criteria. A server may have to read all `messages` for that."""
    if not messages:
        return UidSet()
    found = [await _within(link, criteria, part, messages) for part in await slices(link, first, messages)]
    return found[0] if len(found) == 1 else UidSet(pair for uids in found for pair in uids.ranges())


async def _within(link: Link, criteria: Criteria, part: tuple[Uid, Uid | None], messages: int) -> UidSet:
    first, last = part
    words = ("UID", f"{first}:{last or '*'}", "(", *criteria, ")")
    pace = 1 + messages // SEARCHED
    found = await _search(link, commands.search(words, link.can("ESEARCH")), messages * NUMBER_OCTETS, pace)
    if found is None:
        # Taken for nothing found, it would hide messages for ever.
        raise UpstreamRefused(link.account, f"account {link.account}: {UNANSWERED}")
    # `*` is the last message, even where that comes before `first`.
    return UidSet((max(low, first), high) for low, high in found.ranges() if high >= first)


async def _search(link: Link, command: Command, octets: int, pace: int) -> UidSet | None:
    """Wait for an answer of so many octets at most, `pace` times as long as for another command.

    It is one line, seen only when whole; meanwhile nothing that comes is progress. None when the server says OK alone.
    """
    found: list[SearchFound] = []
    tag = link.begin(command, owed=octets)
    patience = Patience(link.timeout * pace)

    def keep(event: Event) -> None:
        if isinstance(event, SearchFound):
            found.append(event)
            check_told(link, len(found) + sum(len(part.uids) for part in found), octets // NUMBER_OCTETS)

    answer = await link.finish(tag, patience, keep)
    if answer.kind != "OK":
        raise link.refused("search its messages", answer)
    check_whole(link, answer)
    uids = _together(found)
    if any(part.count not in (None, len(part.uids)) for part in found):
        raise link.lose(UpstreamBroken(link.account, f"account {link.account}: the server's search does not add up"))
    return uids if found else None


def _together(found: list[SearchFound]) -> UidSet:
    if len(found) == 1:
        return found[0].uids
    return UidSet(pair for part in found for pair in part.uids.ranges())
