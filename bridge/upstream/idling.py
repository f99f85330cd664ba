"""Waiting for a change in the open mailbox: IDLE, or asking now and then."""

from collections.abc import Callable

import trio

from bridge.imap import commands
from bridge.imap.events import Continuation, Tagged
from bridge.upstream.link import Link
from bridge.upstream.urgency import Urgency

RENEW_SECONDS = 120.0
"""How long one IDLE lasts. RFC 2177 §3 allows 29 minutes; a dead connection is to be noticed sooner."""


class Idler:
    """Waits in rounds. `changed` is asked whenever something was heard. Keeps when the server was last asked."""

    def __init__(self, poll_interval: float) -> None:
        self.pushes = True
        self.asked = float("-inf")
        self._poll_interval = poll_interval

    async def wait(
        self, link: Link, until: float, changed: Callable[[], bool], ending: Callable[[], None] = lambda: None
    ) -> None:
        """Wait until something changed, `until` came, or somebody else needs the connection, which is then free.

        `ending` is called when IDLE is being ended: a command that it begins goes out together with DONE.
        """
        first = True
        while not self._enough(link, until, changed):
            if self.pushes and link.can("IDLE"):
                await self._idle(link, until, changed, ending, first=first)
                first = False
            else:
                self.pushes = False
                await self._poll(link, until, changed)

    def _enough(self, link: Link, until: float, changed: Callable[[], bool]) -> bool:
        return changed() or link.hurry or link.wanted(Urgency.MEASURE) or trio.current_time() >= until

    async def _idle(
        self, link: Link, until: float, changed: Callable[[], bool], ending: Callable[[], None], *, first: bool
    ) -> None:
        if first:
            # Some servers tell in IDLE only what happens in it. Sent with it, this costs no round trip.
            link.begin(commands.noop())
        tag, patience = link.begin(commands.idle()), link.patience()
        while not isinstance(event := await link.step(patience), Continuation):
            if isinstance(event, Tagged) and event.tag == tag:
                # Offered, and yet refused: ask instead.
                self.pushes = event.kind == "OK"
                return
        end = min(until, trio.current_time() + RENEW_SECONDS)
        while not link.answered(tag) and not self._enough(link, end, changed):
            await link.listen(end)
        link.imap.end_idle()
        ending()
        await link.finish(tag, link.patience())

    async def _poll(self, link: Link, until: float, changed: Callable[[], bool]) -> None:
        if trio.current_time() >= self.asked + self._poll_interval:
            await link.must("answer", commands.noop())
            self.asked = trio.current_time()
        end = min(until, self.asked + self._poll_interval)
        while not self._enough(link, end, changed):
            await link.listen(end)
