"""Reading a spooled message from its file."""

import hashlib
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import trio

from bridge.model.failures import MessageChanged
from bridge.store.spool_catalogue import Spooled
from bridge.store.writer import Runner

CHUNK_OCTETS = 64 * 1024
"""What is handed on at once, as from an upstream."""

BLOCK_OCTETS = 256 * 1024
"""Read in one go by a worker thread; a message that is no longer is checked before its first octet is handed on.

Measured: 1,100 MB/s in blocks of 256 KiB, 720 in 64 KiB, 1,200 in 1 MiB; a message of 8 KB takes 0.1 ms.
"""


class Damaged(Exception):
    """A file is not there, or not what it should be. `str()` says in which way."""


class SpoolFile:
    """An open file of a message, read block by block in its order. Everything here blocks, and raises `Damaged`."""

    def __init__(self, path: Path, spooled: Spooled) -> None:
        self._left = spooled.octets
        self._digest = spooled.digest
        self._sum = hashlib.sha256()
        self._descriptor = -1
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            there = os.fstat(self._descriptor).st_size
        except OSError as failure:
            self.close()
            raise Damaged(_cannot_be_read(failure)) from failure
        if there != spooled.octets:
            self.close()
            raise Damaged(f"has {there} octets instead of {spooled.octets}")

    @property
    def ended(self) -> bool:
        """True once all of it was given, and was right."""
        return not self._left

    def read(self) -> bytes:
        """Give the next block; `b""` at the end."""
        if self.ended:
            return b""
        try:
            block = os.read(self._descriptor, min(self._left, BLOCK_OCTETS))
        except OSError as failure:
            raise Damaged(_cannot_be_read(failure)) from failure
        if not block:
            raise Damaged("was cut short while it was read")
        self._sum.update(block)
        self._left -= len(block)
        # With the last block, and not behind it: nothing of that is handed on then, so the message never looks whole.
        if not self._left and self._sum.digest() != self._digest:
            raise Damaged("has other octets than were written")
        return block

    def close(self) -> None:
        """Close it; does nothing when it is closed."""
        if self._descriptor >= 0:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = -1


class SpooledContent:
    """Gives a message's octets in order, as the upstream had them. For one task at a time."""

    def __init__(
        self, account: str, file: SpoolFile, first: bytes, runner: Runner, damaged: Callable[[Damaged], Awaitable[None]]
    ) -> None:
        self._account = account
        self._file = file
        self._block = first
        self._at = 0
        self._runner = runner
        self._damaged = damaged

    async def receive(self) -> bytes:
        """Give the next octets, at most 64 KiB, `b""` at the end. Waits for the disk.

        Raises `MessageChanged` when the file turns out to be damaged: what was given of it so far is not to be trusted.
        """
        if self._at >= len(self._block):
            if self._file.ended:
                await trio.lowlevel.checkpoint()
                return b""
            self._block, self._at = await self._read(), 0
        chunk = self._block[self._at : self._at + CHUNK_OCTETS]
        self._at += len(chunk)
        return chunk

    async def _read(self) -> bytes:
        try:
            block: bytes = await self._runner(self._file.read)
        except Damaged as failure:
            await self._damaged(failure)
            sentence = f"account {self._account}: the file of a spooled message {failure}"
            raise MessageChanged(self._account, f"{sentence}; the server is asked for it next time") from failure
        return block


def _cannot_be_read(failure: OSError) -> str:
    return "is not there" if isinstance(failure, FileNotFoundError) else f"cannot be read: {failure.strerror}"
