"""What the tests of the spool share: an account that spools, messages for it, and looks at its directory."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Literal

from bridge.model.names import AccountId, EntrySeq
from bridge.model.secret import Secret
from bridge.model.settings import AccountSettings
from bridge.store import Runner, Store, in_thread, open_store
from bridge.store.spool import Spool
from tests.store.support import FAMILY, fill

DAY = 86400.0
BLOCK = 256 * 1024
"""What is read in one go, and checked before any of it is given when it is all of a message."""


def account(
    name: str = FAMILY, spool: Literal["off", "ahead"] = "ahead", octets: int = 10**9, seconds: float = 30 * DAY
) -> AccountSettings:
    """Give an account's settings."""
    plain = AccountSettings(AccountId(name), name, "127.0.0.1", 1, "none", "anna", Secret(""))
    return replace(plain, spool=spool, spool_max=octets, spool_age=seconds)


def letter(seed: int, octets: int = 1000) -> bytes:
    """Give a message of so many octets, like no other."""
    return Random(seed).randbytes(octets)


@asynccontextmanager
async def spooling(
    state_dir: Path,
    *accounts: AccountSettings,
    runner: Runner = in_thread,
    now: Callable[[], float] = lambda: 1000.0,
    entries: int = 9,
) -> AsyncIterator[Store]:
    """Open a store whose account has messages 1 to 9 listed and spools them."""
    async with open_store(state_dir, runner=runner, now=now) as store:
        await fill(store, *range(1, entries + 1))
        await store.spool.apply(accounts or [account()])
        yield store


async def keep(spool: Spool, *numbers: int, octets: int = 1000, account: str = FAMILY) -> None:
    """Keep the letters of so many octets that have these numbers, each for the entry of that number."""
    await spool.keep(AccountId(account), [(EntrySeq(number), letter(number, octets)) for number in numbers])


async def read(spool: Spool, entry: int, account: str = FAMILY) -> bytes | None:
    """Read an entry's message to its end; None where it is not spooled."""
    async with spool.read(AccountId(account), EntrySeq(entry)) as content:
        if content is None:
            return None
        chunks = []
        while chunk := await content.receive():
            assert len(chunk) <= 65_536
            chunks.append(chunk)
        assert await content.receive() == b""
    return b"".join(chunks)


def held(spool: Spool, account: str = FAMILY) -> list[int]:
    """Give the entries that are spooled."""
    return [entry for entry in range(1, 100) if spool.holds(AccountId(account), EntrySeq(entry))]


def spooled_files(state_dir: Path) -> list[Path]:
    """Give the spool's files."""
    return sorted(path for path in (state_dir / "spool").resolve().rglob("*") if path.is_file())
