"""The spool's files and rows, changed together.

A file is there, whole and with its name, before the row that refers to it is committed, and the row is gone before the
file is removed: a crash leaves files without rows, which are swept, and never a row without its file.
"""

import errno
import sqlite3
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import trio

from bridge.model.failures import StoreError
from bridge.model.names import AccountId, EntrySeq
from bridge.model.settings import AccountSettings
from bridge.store import spool_rows
from bridge.store.lanes import lanes
from bridge.store.spool_catalogue import SpoolCatalogue, Spooled
from bridge.store.spool_files import SpoolFiles
from bridge.store.writer import Runner
from bridge.telemetry import count, get_logger, instant

T = TypeVar("T")

log = get_logger("store")

RETRY_SECONDS = 300.0
"""Until it is tried again to write, after the disk would not have it."""

_ADVICE = {
    errno.ENOSPC: "its disk is nearly full: make room",
    errno.EDQUOT: "its disk quota is used up: make room",
    errno.EROFS: "its disk is read-only: mount it writable",
    errno.EACCES: "popbridge's user may not write there: look at its rights",
    errno.EPERM: "popbridge's user may not write there: look at its rights",
    errno.EIO: "its disk gave an input/output error: look at the disk",
}


class Door(Protocol):
    """A way to the database, as `Ledger` has it."""

    def __call__(self, work: Callable[[sqlite3.Connection], T], /) -> Awaitable[T]: ...


class Keeping(NamedTuple):
    """What an account is to keep: at most so many octets, each message for so many seconds."""

    octets: int
    seconds: float


class Swept(NamedTuple):
    """Files that no row referred to, and entries whose file was not there."""

    orphans: int
    missing: int


class Shelf:
    """Holds what is spooled. `apply` comes first. `problem` is why nothing is written just now, or empty.

    Methods that change something raise nothing because of files or the database, but note it as the `problem`.
    """

    def __init__(self, write: Door, look: Door, directory: Path, runner: Runner, now: Callable[[], float]) -> None:
        self.problem = ""
        self.files = SpoolFiles(directory)
        self.reading, self.writing = lanes(runner)
        self.keeping: dict[AccountId, Keeping] = {}
        self.look = look
        self.now = now
        self._write = write
        self._catalogues: dict[AccountId, SpoolCatalogue] | None = None
        # Nobody looks for files without rows between a file and its row.
        self._changing = trio.Lock()
        self._retry = 0.0

    async def apply(self, accounts: Iterable[AccountSettings]) -> None:
        """Take up the configuration's accounts; the first time also what is spooled. Raises `StoreUnavailable`."""
        if self._catalogues is None:
            self._catalogues = {}
            for account, rows in (await self.look(spool_rows.load)).items():
                catalogue = self._catalogues[account] = SpoolCatalogue()
                for row in rows:
                    catalogue.put(row.entry, row.spooled)
        self.keeping = {one.id: Keeping(one.spool_max, one.spool_age) for one in accounts if one.spool == "ahead"}

    def catalogue(self, account: AccountId) -> SpoolCatalogue | None:
        """Give what is spooled of an account, None where it spools nothing."""
        if self._catalogues is None or account not in self.keeping:
            return None
        return self._catalogues.setdefault(account, SpoolCatalogue())

    # --- when the disk would not

    @property
    def accepting(self) -> bool:
        """False while the disk would not have more, until it is to be tried again."""
        return not self.problem or trio.current_time() >= self._retry

    def stop(self, failure: OSError | StoreError) -> None:
        """Write nothing for a while. The first time that is an alarm."""
        why = _ADVICE.get(failure.errno or 0, failure.strerror) if isinstance(failure, OSError) else str(failure)
        if not self.problem:
            log.error("spool.stopped", directory=str(self.files.directory), problem=why)
        self.problem = f"{self.files.directory}: {why}"
        self._retry = trio.current_time() + RETRY_SECONDS

    def _go_on(self) -> None:
        if self.problem:
            log.info("spool.resumed", directory=str(self.files.directory))
        self.problem = ""

    # --- changes

    async def keep(self, account: AccountId, entries: Sequence[EntrySeq], make: Callable[[], list[Spooled]]) -> None:
        """Have `make` write files, in a thread, and keep those that there is room for."""
        try:
            # Begun it is finished, so that memory and database agree; whatever it waits for ends by itself.
            with trio.CancelScope(shield=True):
                async with self._changing:
                    await self._enter(account, dict(zip(entries, await self.writing(make), strict=True)))
                    self._go_on()
        except (StoreError, OSError) as failure:
            self.stop(failure)

    async def _enter(self, account: AccountId, found: Mapping[EntrySeq, Spooled]) -> None:
        """Write the rows of files that are there, and drop what has to go for them."""
        catalogue = self.catalogue(account)
        if catalogue is None:
            await self._remove([spooled.digest for spooled in found.values()])
            return
        fit = catalogue.fit([(entry, spooled.octets) for entry, spooled in found.items()], self.keeping[account].octets)
        rows = [spool_rows.SpoolRow(entry, found[entry]) for entry in fit.taken]
        doubtful = {found[entry].digest for entry in found.keys() - set(fit.taken)}
        try:
            now = self.now()
            doubtful.update(await self._write(lambda db: spool_rows.replace(db, account, rows, fit.gone, now)))
        except StoreError:
            await self._remove([spooled.digest for spooled in found.values()])
            raise
        instant("spool.committed")
        catalogue.drop(fit.gone)
        for row in rows:
            catalogue.put(row.entry, row.spooled)
        count("spool_stored", len(rows))
        count("spool_dropped", len(fit.gone))
        await self._remove(doubtful)

    async def drop(self, entries: Sequence[EntrySeq]) -> int:
        """Keep these no longer; gives how many were dropped."""
        return await self._drop(lambda db: spool_rows.take_out(db, entries))

    async def drop_files(self, digests: Collection[bytes]) -> int:
        """Keep no entry any longer that has one of these files; gives how many were dropped."""
        return await self._drop(lambda db: spool_rows.take_out_files(db, digests))

    async def _drop(self, take_out: Callable[[sqlite3.Connection], spool_rows.TakenOut]) -> int:
        entries: list[EntrySeq] = []
        try:
            with trio.CancelScope(shield=True):
                async with self._changing:
                    entries, digests = await self._write(take_out)
                    instant("spool.taken_out")
                    for catalogue in (self._catalogues or {}).values():
                        catalogue.drop(entries)
                    count("spool_dropped", len(entries))
                    await self._remove(digests)
        except (StoreError, OSError) as failure:
            self.stop(failure)
        return len(entries)

    async def _remove(self, digests: Collection[bytes]) -> None:
        """Remove files that no row refers to. What cannot be removed is swept another day."""
        if digests:
            unused = await self.look(lambda db: spool_rows.unused(db, digests))
            await self.writing(lambda: self.files.remove(unused))

    # --- sweeping

    async def anything(self) -> bool:
        """Tell whether there can be anything to sweep. Raises as `sweep`."""
        rows = any(len(catalogue) for catalogue in (self._catalogues or {}).values())
        return rows or bool(await self.writing(self.files.directory.exists))

    async def sweep(self, shard: int) -> Swept:
        """Remove a shard's files without rows, and rows without files. Raises `StoreError` and `OSError`."""
        async with self._changing:
            known = await self.look(lambda db: spool_rows.in_shard(db, shard))
            orphans, missing = await self.writing(lambda: self.files.sweep(shard, known))
        return Swept(orphans, await self.drop_files(missing) if missing else 0)

    async def remove_parts(self) -> int:
        """Remove what a crash left half written; gives how many files. Raises `OSError`."""
        removed: int = await self.writing(self.files.remove_parts)
        return removed
