"""IDLE: changes are told the moment they happen."""

import trio

from bridge.net import NetError
from bridge.sandbox import notifying
from bridge.sandbox.session import Reply, Session
from bridge.sandbox.syntax import Arguments, BadCommand
from bridge.sandbox.wire import ConnectionOver

IDLE_SECONDS = 1800
"""How long an idling client may stay without a word (RFC 2177 §3: at least every 29 minutes)."""


async def tell_news(session: Session, *, expunges: bool) -> None:
    """Say what changed in the selected mailbox, and in those that NOTIFY named. Waits for the client to take it."""
    if session.view is not None and (session.notified is None or session.notified.selected):
        for line in session.view.news(expunges=expunges, modseq=session.condstore, uids=session.qresync):
            await session.wire.send(line)
    for line in notifying.news(session):
        await session.wire.send(line)


async def idle(session: Session, arguments: Arguments) -> Reply:
    """Tell news until DONE (RFC 2177). Waits for the client; raises ConnectionOver when it leaves instead."""
    session.need("IDLE")
    arguments.end()
    session.wire.put(b"+ idling\r\n")
    await _Idle(session).run()
    return Reply("idled")


class _Idle:
    """One task reads the line that ends it, the other tells news; neither is cut off in the middle of a send."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._stirred = trio.Event()
        self._line = b""
        self._over = False
        self._lost = False

    async def run(self) -> None:
        watched = notifying.watched(self._session)
        for mailbox in watched:
            mailbox.watch(self._stir)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._read)
                await self._tell()
                if self._lost:
                    nursery.cancel_scope.cancel()
        finally:
            for mailbox in watched:
                mailbox.unwatch(self._stir)
        if self._lost:
            raise ConnectionOver("the other end left during IDLE")
        if self._line.upper() != b"DONE":
            raise BadCommand("IDLE ends with DONE")

    def _stir(self) -> None:
        self._stirred.set()

    async def _read(self) -> None:
        try:
            self._line = await self._session.wire.answer(IDLE_SECONDS)
        except (NetError, ConnectionOver):
            self._lost = True
        self._over = True
        self._stir()

    async def _tell(self) -> None:
        while not self._over:
            self._stirred = trio.Event()
            try:
                await tell_news(self._session, expunges=True)
                await self._session.wire.flush()
            except (NetError, ConnectionOver):
                self._over = self._lost = True
            if not self._over:
                await self._stirred.wait()
