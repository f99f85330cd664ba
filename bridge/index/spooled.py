"""Reading messages through the spool: from the disk when they are there; what comes from an upstream is kept."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from bridge.index.ports import Content, Fill, SpoolPort
from bridge.model.names import EntrySeq
from bridge.model.places import Location

Open = Callable[[Location, int, bool], AbstractAsyncContextManager[Content]]
"""Opens the message at a place upstream, given how many octets it is thought to have, and whether all are wanted."""


class Reading:
    """Opens messages for devices. A message is spooled by its entry, so that it is found wherever it lies by now."""

    def __init__(self, upstream: Open, spool: SpoolPort) -> None:
        self._upstream = upstream
        self._spool = spool

    @asynccontextmanager
    async def open(
        self, entry: EntrySeq, location: Location, size: int, *, whole: bool = True
    ) -> AsyncIterator[Content]:
        """Open a message. One that is spooled needs no upstream. Raises `UpstreamError`s here or in `receive`."""
        account = location.key.account
        if self._spool.holds(account, entry):
            async with self._spool.read(account, entry) as spooled:
                if spooled is not None:
                    yield spooled
                    return
        async with self._upstream(location, size, whole) as content:
            if not self._spool.wants(account, entry, size):
                yield content
                return
            fill = self._spool.fill(account, entry)
            try:
                yield Kept(content, fill)
            finally:
                fill.give_up()

    def spooled(self, entry: EntrySeq, location: Location) -> bool:
        """Tell whether a message is spooled. Waits for nothing."""
        return self._spool.holds(location.key.account, entry)

    def fetched(self, entry: EntrySeq, location: Location, text: Sequence[bytes]) -> None:
        """Keep a whole message that was fetched in another way, if that is wanted. Waits for nothing."""
        account = location.key.account
        if self._spool.wants(account, entry, sum(map(len, text))):
            fill = self._spool.fill(account, entry)
            for piece in text:
                fill.feed(piece)
            fill.finish()


class Kept:
    """Passes a message on as it is, and keeps it once it has come to its end."""

    def __init__(self, content: Content, fill: Fill) -> None:
        self._content = content
        self._fill = fill

    async def receive(self) -> bytes:
        """Give the next octets as they come."""
        data = await self._content.receive()
        if data:
            self._fill.feed(data)
        else:
            self._fill.finish()
        return data
