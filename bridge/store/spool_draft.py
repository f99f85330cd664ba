"""A message that is written to the spool bit by bit."""

from functools import partial

from bridge.model.names import AccountId, EntrySeq
from bridge.store.spool_files import Part
from bridge.store.spool_shelf import Shelf

BLOCK_OCTETS = 1024 * 1024
"""Written in one go by a worker thread."""


class Draft:
    """One message. Raises nothing: once something fails, the rest of it is taken and dropped."""

    def __init__(self, shelf: Shelf, account: AccountId, entry: EntrySeq) -> None:
        self._shelf = shelf
        self._account = account
        self._entry = entry
        self._part: Part | None = None
        self._held: list[bytes] = []
        self._octets = 0
        self._failed = False

    async def write(self, data: bytes) -> None:
        """Take the next octets. Waits for the disk when there is a block of them."""
        if self._failed:
            return
        self._held.append(data)
        self._octets += len(data)
        if self._octets >= BLOCK_OCTETS:
            await self._append()

    async def keep(self) -> None:
        """That was all of it: keep it, if there is room."""
        if self._octets:
            await self._append()
        part, self._part = self._part, None
        if part is None or self._failed:
            return
        try:
            # It may take long, and nobody need wait for it.
            await self._shelf.writing(part.close)
        except OSError as failure:
            self._shelf.stop(failure)
        else:
            await self._shelf.keep(self._account, [self._entry], partial(self._shelf.files.keep, [part]))
        await self._shelf.writing(part.abandon)

    async def give_up(self) -> None:
        """Remove what was written, unless it is kept."""
        part, self._part, self._failed, self._held = self._part, None, True, []
        if part is not None:
            await self._shelf.writing(part.abandon)

    async def _append(self) -> None:
        block, self._held, self._octets = b"".join(self._held), [], 0
        try:
            if self._part is None:
                self._part = await self._shelf.writing(self._shelf.files.begin)
            await self._shelf.writing(partial(self._part.append, block))
        except OSError as failure:
            self._shelf.stop(failure)
            await self.give_up()
