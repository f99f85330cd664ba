"""Moving messages back upstream: at once when their owner undoes what a device did, and again until it is settled."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Protocol

import trio

from bridge.model.failures import StoreError
from bridge.model.names import AccountId
from bridge.model.update import BringBack
from bridge.serve.live import Live, Returned
from bridge.serve.progress import Progress, watched
from bridge.telemetry import get_logger

log = get_logger("serve")

PAUSE = 300.0
"""Seconds between two looks for what is to be moved back. An upstream that is down is not asked all the time; and what
is undone while it is being carried out is to be moved back only when it was.
"""


class ReturnsStore(Protocol):
    """Where it is written what is still to be moved back."""

    async def returning(self) -> list[BringBack]: ...
    async def brought_back(self, intent: int) -> None: ...
    async def not_brought_back(self, intent: int, note: str) -> None: ...
    async def is_back(self, intent: int) -> bool: ...


class Returns:
    """The one place that moves messages back. What is to be done is in the store, so that a crash forgets nothing."""

    def __init__(self, store: ReturnsStore, live: Live) -> None:
        self._store = store
        self._live = live
        self._lock = trio.Lock()
        self._stale = False
        self._missed: set[int] = set()

    async def run(self) -> None:
        """Move back what the store has waiting, again and again, until cancelled."""
        while True:
            whole = True
            try:
                whole = await self._pass()
            except StoreError as failure:
                log.error("returns.paused", problem=str(failure))
            if whole:
                await trio.sleep(PAUSE)

    async def _pass(self) -> bool:
        """Try everything once; an account that cannot do it now is left for the next pass. The lock is free between two
        messages, so that a command has its turn; the list is out of date then, and False is given.
        """
        async with self._lock:
            self._stale = False
            waiting = await self._store.returning()
        down: set[AccountId] = set()
        for one in waiting:
            async with self._lock:
                if self._stale:
                    return False
                if one.source.account not in down and (await self._bring_later(one)).settled == "later":
                    down.add(one.source.account)
        return True

    async def _bring_later(self, one: BringBack) -> Returned:
        """What is not where it had been put may have been moved back just before a crash. So the account is looked at
        first, and it is for the next pass to tell.
        """
        if one.intent in self._missed:
            return await self._bring(one)
        returned = await self._live.bring_back(one)
        if returned.settled == "gone" and not await self._store.is_back(one.intent):
            self._missed.add(one.intent)
            await self._live.look(one.source.account)
            return returned
        return await self._settle(returned)

    @asynccontextmanager
    async def quiet(self, progress: Progress) -> AsyncIterator[None]:
        """Move nothing back during the block but what the block itself asks for. Waits for what is being moved."""
        await watched(self._lock.acquire, progress, "waiting for the server, which is moving another message back")
        try:
            yield
        finally:
            self._stale = True
            self._lock.release()

    async def bring_back(self, back: Sequence[BringBack], progress: Progress) -> list[Returned]:
        """Move these back now; call it within `quiet`. What is `later` stays in the store to be tried again.

        Raises `StoreError` when it could not be written what was done; the rest is then tried later.
        """
        done: list[Returned] = []
        down: dict[AccountId, str] = {}
        for one in back:
            if (note := down.get(one.source.account)) is not None:
                done.append(Returned(one, "later", note))
                continue
            sentence = f"{len(done)} of {len(back)} moved back, waiting for the server"
            returned = await watched(partial(self._bring, one), progress, sentence)
            done.append(returned)
            if returned.settled == "later":
                down[one.source.account] = returned.note
            else:
                await progress(f"{len(done)} of {len(back)} moved back")
        return done

    async def _bring(self, one: BringBack) -> Returned:
        return await self._settle(await self._live.bring_back(one))

    async def _settle(self, returned: Returned) -> Returned:
        """Write down how it ended. Where the message is not where it had been put, and yet is listed, it is back."""
        one = returned.what
        if returned.settled == "gone" and await self._store.is_back(one.intent):
            returned = returned._replace(settled="back")
        match returned.settled:
            case "back":
                await self._store.brought_back(one.intent)
                await self._live.look(one.source.account)
            case "gone" | "refused":
                await self._store.not_brought_back(one.intent, f"not moved back: {returned.note}")
            case "later":
                pass
        log.info("intent.returned", mailbox=str(one.source), outcome=returned.settled, note=returned.note)
        return returned
