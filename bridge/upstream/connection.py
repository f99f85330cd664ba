"""One connection and the task that owns it."""

from typing import TYPE_CHECKING

import trio

from bridge.model.failures import UpstreamError, UpstreamUnavailable
from bridge.upstream.link import Link
from bridge.upstream.waiting import WaitingLine

if TYPE_CHECKING:
    from bridge.upstream.pool import Pool


class Connection:
    """Signs in, then serves requests one after another, until it is idle for long, lost, or cancelled.

    Its task alone touches the stream. A request that leaves something under way on the wire ends the connection.
    While `watching` it belongs to the watcher, whose requests are in `private`. `spent`: what failed over it is better
    tried over another; it serves nobody any more.
    """

    def __init__(self, pool: "Pool") -> None:
        self.link: Link | None = None
        self.watching = False
        self.spent = False
        self.private = WaitingLine()
        self.served_general = False
        self.idle = False
        self.looking = False
        self._pool = pool
        self._failure: UpstreamError | None = None
        self._idle_since = 0.0

    async def run(self) -> None:
        """Live. However it ends, the pool is told why; nothing waits for this connection afterwards."""
        sentence = f"account {self._pool.account}: a fault of popbridge ended the connection; the log has more"
        self._failure = UpstreamUnavailable(self._pool.account, sentence)
        try:
            await self._live()
            self._failure = None
        except UpstreamError as failure:
            self._failure = failure
        except trio.Cancelled:
            self._failure = None
            raise
        finally:
            self._pool.left(self, self._failure)

    async def _live(self) -> None:
        link = await self._pool.sign_in.link()
        self.link = link
        try:
            self._pool.connected(self, link)
            await self._serve(link)
        finally:
            await link.close()

    async def _serve(self, link: Link) -> None:
        self._idle_since = trio.current_time()
        while link.clean and not self.spent:
            self.looking = False
            request = self._pool.take_for(self)
            if request is not None:
                await request.perform(link)
                self._pool.heard(request.failure)
                self._idle_since = trio.current_time()
            elif not await self._wait_for_work(link):
                return
        if link.lost is not None:
            raise link.lost
        if link.clean:
            await link.log_out()

    async def _wait_for_work(self, link: Link) -> bool:
        """Listen meanwhile, so that the server's leaving is seen. False when it was long enough."""
        until = float("inf") if self.watching else self._idle_since + self._pool.keep_seconds
        self.idle = True
        try:
            await link.listen(until)
        finally:
            self.idle = False
        if trio.current_time() < until or self._pool.has_work_for(self):
            return True
        await link.log_out()
        return False

    def wake(self) -> None:
        """Have it look for work: it is idle, or waits in IDLE for the watcher. Until it does it is `looking`."""
        self.looking = self.looking or self.idle
        self.idle = False
        if self.link is not None:
            self.link.interrupt()
