"""The spool's daily work: sweeping what a crash left, dropping what is old, gone, or too much."""

import math

import trio

from bridge.model.failures import StoreError
from bridge.store import spool_rows
from bridge.store.spool_files import SHARDS
from bridge.store.spool_shelf import Shelf
from bridge.telemetry import get_logger

log = get_logger("store")

HOUR = 3600.0
DAY = 24 * HOUR

GONE_SECONDS = 12 * HOUR
"""How long a message that went upstream stays: a session may still have it listed, and it may come back."""

SLICE = 1000
"""Messages dropped at once."""


class Housekeeping:
    """Looks after a shelf. `run` owns the task."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._changed = trio.Event()
        self._swept = -math.inf

    def look_now(self) -> None:
        """Tell that what is to be kept has changed."""
        self._changed.set()

    async def run(self) -> None:
        """Work at once, then every hour, until cancelled."""
        while True:
            self._changed = trio.Event()
            try:
                if trio.current_time() >= self._swept + DAY:
                    await self._sweep()
                    self._swept = trio.current_time()
                await self._drop_outdated()
                await self._drop_surplus()
            except (StoreError, OSError) as failure:
                self._shelf.stop(failure)
            with trio.move_on_after(HOUR):
                await self._changed.wait()

    async def _sweep(self) -> None:
        if not await self._shelf.anything():
            return
        orphans, missing = await self._shelf.remove_parts(), 0
        for shard in range(SHARDS):
            swept = await self._shelf.sweep(shard)
            orphans += swept.orphans
            missing += swept.missing
        if orphans or missing:
            log.info("spool.swept", orphans=orphans, missing=missing)

    async def _drop_outdated(self) -> None:
        now = self._shelf.now()
        kept_since = {account: now - each.seconds for account, each in self._shelf.keeping.items()}
        while True:
            entries = await self._shelf.look(lambda db: spool_rows.outdated(db, kept_since, now - GONE_SECONDS, SLICE))
            if not entries or not await self._shelf.drop(entries):
                return

    async def _drop_surplus(self) -> None:
        for account, bounds in list(self._shelf.keeping.items()):
            catalogue = self._shelf.catalogue(account)
            while catalogue is not None and (entries := catalogue.oldest(catalogue.total - bounds.octets)[:SLICE]):
                if not await self._shelf.drop(entries):
                    return
