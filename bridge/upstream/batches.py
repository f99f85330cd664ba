"""Many small messages in one command, a few commands under way: so that none waits for a round trip of its own."""

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bridge.imap import UidSet, commands
from bridge.imap.events import Event, Fetched, FetchedBody, Tagged
from bridge.model.failures import UpstreamError
from bridge.model.names import Uid, UidValidity
from bridge.model.places import Location, MailboxKey
from bridge.telemetry import count
from bridge.upstream.bodies import BodySorter, Piece
from bridge.upstream.failures import Dropped
from bridge.upstream.fetching import keep_warm
from bridge.upstream.link import Link
from bridge.upstream.names import MailboxNames
from bridge.upstream.opening import Opening
from bridge.upstream.patience import Patience
from bridge.upstream.pool import Pool
from bridge.upstream.request import DRAIN_OCTETS, Request
from bridge.upstream.urgency import Urgency

PIPELINE = 16
"""Commands under way at once on a connection, at most. How many octets that are is for who asks, and `Pace`, to say."""


class Sink(Protocol):
    """Who takes what comes. Called in the connection's task, or in `ask` and `close`; waits for nothing."""

    def arrived(self, uid: Uid, text: list[bytes]) -> None:
        """Take one message, whole."""
        ...

    def missing(self, uids: Collection[Uid], failure: UpstreamError | None) -> None:
        """Hear that these do not come: the server left them out, or failed as told. They may be had one by one."""
        ...


@dataclass(slots=True)
class _Batch:
    """One command. `left` are the messages that have not come whole, with the most octets that each may have. `ended`
    have come, but for the end of the response that they are in.
    """

    left: dict[Uid, int]
    octets: int
    coming: dict[Uid, list[bytes]] = field(default_factory=dict)
    ended: dict[Uid, list[bytes]] = field(default_factory=dict)


class Batches:
    """Fetches batches of one mailbox's messages, in the order asked for. Each message arrives once or is missing once.

    A text that is empty, or far longer than was thought, is told as missing. Another device that waits for the
    connection goes first once what is under way has come.
    """

    def __init__(
        self, pool: Pool, names: MailboxNames, key: MailboxKey, uidvalidity: UidValidity, sink: Sink, urgency: Urgency
    ) -> None:
        self._pool = pool
        self._names = names
        self._key = key
        self._uidvalidity = uidvalidity
        self._sink = sink
        self._urgency = urgency
        self._queue: deque[_Batch] = deque()
        self._under_way: dict[str, _Batch] = {}
        self._request: Request[None] | None = None
        self._link: Link | None = None
        self._closed = False

    def ask(self, sizes: Mapping[Uid, int]) -> None:
        """Ask for a batch: UIDs, with how many octets each is thought to have. Waits for nothing.

        What came lately arrives at once. The rest is asked for at once, behind what is under way: if it waited for what
        comes next, it would come a round trip later.
        """
        left = {uid: 2 * size + DRAIN_OCTETS for uid, size in sizes.items() if not self._here(uid)}
        if not left:
            return
        self._queue.append(_Batch(left, sum(sizes[uid] for uid in left)))
        if self._link is not None and self._link.lost is None and self._begin(self._link):
            self._link.nudge()
        self._go_on()

    def _here(self, uid: Uid) -> bool:
        text = self._pool.latest.get((self._key.mailbox, self._uidvalidity, uid))
        if text is not None:
            self._sink.arrived(uid, [text])
        return text is not None

    def close(self) -> None:
        """Give up what has not come; the sink hears nothing more."""
        self._closed = True
        if self._request is not None and not self._request.settled:
            self._request.abandon()

    def _go_on(self) -> None:
        if self._request is None and self._queue and not self._closed:
            self._request = Request(self._pool.account, self._urgency, self._fetch, self._ended)
            self._pool.submit(self._request)

    def _ended(self) -> None:
        request, self._request = self._request, None
        failure = request.failure if request is not None else None
        if failure is not None and self._closed:
            keep_warm(self._pool, self._names, self._key.mailbox)
        elif failure is not None:
            lost = [*self._under_way.values(), *self._queue]
            self._under_way.clear()
            self._queue.clear()
            self._tell_missing([uid for batch in lost for uid in batch.left], failure)
        self._go_on()

    def _tell_missing(self, uids: Collection[Uid], failure: UpstreamError | None) -> None:
        if uids and not self._closed:
            self._sink.missing(uids, failure)

    # --- the connection's task

    async def _fetch(self, link: Link) -> None:
        highest = max(uid for batch in self._queue for uid in batch.left)
        opening = Opening(link, self._names, Location(self._key, self._uidvalidity, highest))
        self._begin(link, first=True)
        await opening.settle(*self._under_way)
        patience, sorter = link.patience(), BodySorter(link)
        self._begin(link)
        self._link = link
        try:
            while self._under_way:
                event = await link.step(patience)
                self._take(link, event, patience, sorter)
                if self._queue:
                    self._begin(link)
        finally:
            self._link = None

    def _begin(self, link: Link, *, first: bool = False) -> bool:
        """Begin what waits, as far as others and the pace of the connection allow; tell whether anything was begun."""
        begun = False
        while self._queue and len(self._under_way) < PIPELINE and not link.hurry:
            if not first and (link.wanted(self._urgency) or link.owed + self._queue[0].octets > link.pace.room):
                break
            first, begun = False, True
            batch = self._queue.popleft()
            tag = link.begin(commands.fetch_body(UidSet.from_uids(batch.left)), batch.octets)
            self._under_way[tag] = batch
        return begun

    def _take(self, link: Link, event: Event, patience: Patience, sorter: BodySorter) -> None:
        if isinstance(event, FetchedBody) and event.origin is None:
            self._whole(Uid(event.uid), [event.data])
            patience.took(len(event.data))
            return
        for piece in sorter.take(event):
            self._piece(link, piece)
            patience.took(len(piece.data))
        if isinstance(event, Fetched):
            self._end_response()
        if isinstance(event, Tagged) and (batch := self._under_way.pop(event.tag, None)) is not None:
            patience.renew()
            refused = link.refused(f"give messages of {self._key.mailbox}", event) if event.kind != "OK" else None
            self._tell_missing(list(batch.left), refused)

    def _piece(self, link: Link, piece: Piece) -> None:
        uid = Uid(piece.uid)
        batch = self._batch_of(uid)
        if batch is None or piece.origin is not None:
            return
        if piece.size > batch.left[uid]:
            # To read it past would take longer than another connection.
            sentence = f"account {link.account}: UID {uid} of {self._key.mailbox} is far longer than it was told to be"
            raise link.lose(Dropped(link.account, sentence))
        if piece.data:
            batch.coming.setdefault(uid, []).append(piece.data)
        if piece.ends and (text := batch.coming.pop(uid, None)) is not None:
            batch.ended[uid] = text

    def _end_response(self) -> None:
        """What came in a response is whole when that is: a literal filled with other octets ends in no `)`."""
        for batch in list(self._under_way.values()):
            while batch.ended:
                self._whole(*batch.ended.popitem())

    def _batch_of(self, uid: Uid) -> _Batch | None:
        for batch in self._under_way.values():
            if uid in batch.left:
                return batch
        return None

    def _whole(self, uid: Uid, text: list[bytes]) -> None:
        batch = self._batch_of(uid)
        if batch is not None:
            del batch.left[uid]
            if not self._closed:
                self._sink.arrived(uid, text)
            else:
                count("read_ahead_wasted", sum(map(len, text)))
