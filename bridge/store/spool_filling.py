"""Keeping what devices fetch while they fetch it: the octets are handed over without waiting, and written by a task."""

import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import trio

from bridge.model.names import AccountId, EntrySeq
from bridge.store.spool_draft import Draft
from bridge.store.spool_shelf import Shelf

WAITING_OCTETS = 4 * 1024 * 1024
"""Octets of all sessions that may wait for the disk; what comes on top is not kept, for no device waits for it."""

SPILL_OCTETS = 256 * 1024
"""From here on a message is written while the rest of it comes."""

TOGETHER = 64
"""Small messages that are written together."""

_Work = Callable[[], Awaitable[None]]
_Small = tuple[AccountId, EntrySeq, bytes]


class Filler:
    """Writes what it is handed. `run` owns the task that does it."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.waiting = 0
        self._send, self._receive = trio.open_memory_channel[_Work | _Small](math.inf)

    def fill(self, account: AccountId, entry: EntrySeq) -> "Fill":
        """Begin with a message."""
        return Fill(self, account, entry)

    def hand_over(self, work: _Work | _Small) -> None:
        """Have something done by the task, behind what it was handed before."""
        self._send.send_nowait(work)

    async def run(self) -> None:
        """Write until cancelled."""
        async for work in self._receive:
            behind: _Work | _Small | None = work
            while isinstance(behind, tuple):
                behind = await self._write_small(behind)
            if behind is not None:
                await behind()

    async def _write_small(self, first: _Small) -> _Work | _Small | None:
        """Write small messages of one account together; gives what came behind them."""
        account, some = first[0], [first]
        behind: _Work | _Small | None = None
        with suppress(trio.WouldBlock):
            while len(some) < TOGETHER and behind is None:
                work = self._receive.receive_nowait()
                if isinstance(work, tuple) and work[0] == account:
                    some.append(work)
                else:
                    behind = work
        entries = {entry: octets for _, entry, octets in some}
        files = self.shelf.files
        await self.shelf.keep(account, list(entries), lambda: files.write(list(entries.values())))
        self.waiting -= sum(len(octets) for _, _, octets in some)
        return behind


class Fill:
    """One message on its way to a device. Nothing here waits or raises."""

    def __init__(self, filler: Filler, account: AccountId, entry: EntrySeq) -> None:
        self._filler = filler
        self._account = account
        self._entry = entry
        self._held: list[bytes] = []
        self._octets = 0
        self._draft: Draft | None = None
        self._ended = False

    def feed(self, data: bytes) -> None:
        """Take the next octets."""
        if self._ended:
            return
        if self._filler.waiting + len(data) > WAITING_OCTETS:
            self.give_up()
            return
        self._filler.waiting += len(data)
        self._held.append(data)
        self._octets += len(data)
        if self._octets >= SPILL_OCTETS:
            self._spill()

    def finish(self) -> None:
        """That was all of it, and right: keep it."""
        if self._ended:
            return
        if self._draft is None:
            self._filler.hand_over((self._account, self._entry, b"".join(self._held)))
        else:
            self._spill()
            self._filler.hand_over(self._draft.keep)
        self._ended = True

    def give_up(self) -> None:
        """Keep nothing of it; does nothing when it is finished."""
        if not self._ended:
            self._ended = True
            self._filler.waiting -= self._octets
            self._held = []
            if self._draft is not None:
                self._filler.hand_over(self._draft.give_up)

    def _spill(self) -> None:
        if self._draft is None:
            self._draft = Draft(self._filler.shelf, self._account, self._entry)
        block, self._held, self._octets = b"".join(self._held), [], 0
        self._filler.hand_over(partial(self._write, self._draft, block))

    async def _write(self, draft: Draft, block: bytes) -> None:
        await draft.write(block)
        self._filler.waiting -= len(block)
