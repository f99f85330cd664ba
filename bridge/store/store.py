"""The store: everything popbridge remembers, as methods that return after COMMIT."""

import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from bridge.model.names import AccountId, DeviceId
from bridge.store import generation
from bridge.store.admin_store import AdminStore
from bridge.store.backup import back_up
from bridge.store.device_store import DeviceStore
from bridge.store.index_store import IndexStore
from bridge.store.overview import overview
from bridge.store.rows import account_row, device_row
from bridge.store.secret_store import SecretStore
from bridge.store.spool import SPOOL, Spool
from bridge.store.upkeep_store import UpkeepStore
from bridge.store.writer import Runner, Writer


class Store(IndexStore, DeviceStore, AdminStore, SecretStore, UpkeepStore):
    """Everything popbridge remembers, as `open_store` gives it.

    Each method waits for a COMMIT, which many callers share, and raises `StoreUnavailable` when nothing was written.
    Cancelled while it waits, the outcome is unknown.
    """

    def __init__(
        self,
        writer: Writer,
        reader: sqlite3.Connection,
        database: Path,
        runner: Runner,
        now: Callable[[], float],
        *,
        restored: bool = False,
    ) -> None:
        super().__init__(writer, reader, database, runner, now, restored=restored)
        self.spool = Spool(self._write, self._read, database.with_name(SPOOL), runner, now)

    async def register(self, accounts: Iterable[AccountId], devices: Iterable[DeviceId]) -> None:
        """Make rows for the configuration's accounts and devices; those that are there stay as they are."""
        names, ids = tuple(accounts), tuple(devices)

        def unit(db: sqlite3.Connection) -> None:
            for account in names:
                account_row(db, account)
            for device in ids:
                device_row(db, device)

        await self._write(unit)

    async def overview(self, electorate: Iterable[DeviceId] | None = None) -> dict[str, Any]:
        """Give the counts that `status` shows, on a connection of its own: no writer waits for it. `electorate` are the
        configuration's devices, who have a say in `delete_when = "all"`; None for all that the database knows.
        """
        voters = None if electorate is None else list(electorate)
        return await self._read(lambda db: overview(db, voters))

    @property
    def restored(self) -> bool:
        """True for a backup or an older file that was put back: `due_intents` gives nothing until `resume`."""
        return self._restored

    async def resume(self) -> int:
        """Take a database that was put back for what it is from now on; gives how many intents this releases."""
        released = await self._write(generation.resume)
        self._restored = False
        return released

    async def backup(self, target: Path) -> None:
        """Write a copy of one moment into a new file, for its owner alone, while writers go on; then it is on the disk.

        Raises `StoreUnavailable` when the file is there already or cannot be written, and leaves no file then. Once
        begun it is finished, also when cancelled. Whoever opens the copy finds it `restored`.
        """
        await self._read(lambda reader: back_up(reader, self._database, target))
