"""The spool: messages' octets on disk, by entry, so that each is read from its upstream once."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import trio

from bridge.model.names import AccountId, EntrySeq
from bridge.model.settings import AccountSettings
from bridge.store.spool_catalogue import Spooled
from bridge.store.spool_draft import Draft
from bridge.store.spool_filling import Fill, Filler
from bridge.store.spool_housekeeping import Housekeeping
from bridge.store.spool_reading import Damaged, SpooledContent, SpoolFile
from bridge.store.spool_shelf import Door, Shelf
from bridge.store.writer import Runner
from bridge.telemetry import count, get_logger

log = get_logger("store")

SPOOL = "spool"
"""The directory below the state directory."""


class SpoolTotals(NamedTuple):
    """How many messages of an account are spooled, and how many octets they have."""

    messages: int
    octets: int


class Spool:
    """What is kept of the accounts that have `spool = "ahead"`; of others nothing is given or taken.

    Nothing but `apply` raises because of files or the database: what cannot be kept is not kept, `problem` says why,
    and the upstream has it still. `run` is what drops the old and sweeps, and must run for `fill` to be written.
    """

    def __init__(self, write: Door, look: Door, directory: Path, runner: Runner, now: Callable[[], float]) -> None:
        self._shelf = Shelf(write, look, directory, runner, now)
        self._filler = Filler(self._shelf)
        self._housekeeping = Housekeeping(self._shelf)

    async def apply(self, accounts: Iterable[AccountSettings]) -> None:
        """Take up the configuration's accounts; the first time also what is spooled. Raises `StoreUnavailable`."""
        await self._shelf.apply(accounts)
        self._housekeeping.look_now()

    async def run(self) -> None:
        """Write what devices fetched, and keep house, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._filler.run)
            nursery.start_soon(self._housekeeping.run)

    # --- what is there

    @property
    def problem(self) -> str:
        """Why nothing is written just now, as a sentence for people, or nothing."""
        return self._shelf.problem

    def holds(self, account: AccountId, entry: EntrySeq) -> bool:
        """Tell whether an entry's message is spooled. Asks neither database nor disk."""
        catalogue = self._shelf.catalogue(account)
        return catalogue is not None and entry in catalogue

    def missing(self, account: AccountId, entries: Iterable[int]) -> set[int]:
        """Give those entries that are not spooled; none where the account spools nothing."""
        catalogue = self._shelf.catalogue(account)
        return set() if catalogue is None else catalogue.missing(entries)

    def totals(self, account: AccountId) -> SpoolTotals | None:
        """Give how much is spooled of an account, None where it spools nothing."""
        catalogue = self._shelf.catalogue(account)
        return None if catalogue is None else SpoolTotals(len(catalogue), catalogue.total)

    def wants(self, account: AccountId, entry: EntrySeq, octets: int) -> bool:
        """Tell whether a message of so many octets would be kept: when there is room, or when only older ones would
        have to go for it.
        """
        return bool(self.choose(account, [(entry, octets)]))

    def choose(self, account: AccountId, messages: Sequence[tuple[EntrySeq, int]]) -> Sequence[EntrySeq]:
        """Give those of some messages, told with their octets, that would be kept together, the newest first."""
        catalogue = self._shelf.catalogue(account)
        if catalogue is None or not self._shelf.accepting:
            return ()
        return catalogue.fit(messages, self._shelf.keeping[account].octets).taken

    # --- reading

    @asynccontextmanager
    async def read(self, account: AccountId, entry: EntrySeq) -> AsyncIterator[SpooledContent | None]:
        """Open an entry's message; None where it is not spooled, or its file turns out to be damaged right away.

        One of up to 256 KiB is checked before this gives it. Waits for the disk: once here, and once for each further
        256 KiB.
        """
        catalogue = self._shelf.catalogue(account)
        spooled = None if catalogue is None else catalogue.find(entry)
        if spooled is None:
            yield None
            return
        damaged = partial(self._damaged, account, spooled)
        try:
            file, first = await self._shelf.reading(partial(self._open, spooled))
        except Damaged as failure:
            await damaged(failure)
            yield None
            return
        count("spool_hits")
        count("spool_octets", spooled.octets)
        try:
            yield SpooledContent(account, file, first, self._shelf.reading, damaged)
        finally:
            file.close()

    def _open(self, spooled: Spooled) -> tuple[SpoolFile, bytes]:
        file = SpoolFile(self._shelf.files.path(spooled.digest), spooled)
        try:
            return file, file.read()
        except Damaged:
            file.close()
            raise

    async def _damaged(self, account: AccountId, spooled: Spooled, failure: Damaged) -> None:
        """Drop a file that is not what it was, with every entry that has it."""
        log.error("spool.damaged", account=account, file=spooled.digest.hex(), problem=f"the file {failure}")
        await self._shelf.drop_files([spooled.digest])

    # --- writing

    async def keep(self, account: AccountId, messages: Sequence[tuple[EntrySeq, bytes]]) -> None:
        """Keep small messages, many together: those that there is room for are on the disk when this returns."""
        entries, bodies = [entry for entry, _ in messages], [body for _, body in messages]
        await self._shelf.keep(account, entries, lambda: self._shelf.files.write(bodies))

    @asynccontextmanager
    async def draft(self, account: AccountId, entry: EntrySeq) -> AsyncIterator[Draft]:
        """Write a message bit by bit, and `keep` it; without that it is given up when the block ends."""
        draft = Draft(self._shelf, account, entry)
        try:
            yield draft
        finally:
            with trio.CancelScope(shield=True):
                await draft.give_up()

    def fill(self, account: AccountId, entry: EntrySeq) -> Fill:
        """Take a message as it is sent to a device. What the disk is too slow for is not kept."""
        return self._filler.fill(account, entry)
