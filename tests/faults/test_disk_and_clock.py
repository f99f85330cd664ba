"""A database that is locked, damaged or put back, a clock that jumps, and a name that nobody resolves."""

import shutil
import sqlite3
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from bridge.model.failures import StoreUnavailable
from bridge.sandbox import Rule
from bridge.sandbox.faults import Answer
from tests.faults.house import HEALED, LETTER, REFRESH_WAIT, Clock, house, inbox, within
from tests.faults.outcome import Outcome

NEW = LETTER.format("new").encode()
DAY = 86400.0
DATABASE = Path("state") / "popbridge.sqlite3"

OUTCOME = Outcome(
    hears="its list; `-ERR [SYS/TEMP]` to what cannot be read or written",
    within=f"login {3 * REFRESH_WAIT:g} s, RETR 45 s",
    left="nothing lost; every unique-id stays",
)


async def test_a_database_that_somebody_else_locks(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Devices are shown what they were shown before, hear what is not written, and all goes on afterwards."""
    async with house(tmp_path) as at:
        known = await at.listed()
        other = sqlite3.connect(tmp_path / DATABASE, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        at.deliver(NEW)
        await trio.sleep(30)
        async with at.connected() as device:
            assert (await device.login()).startswith("+OK")
            assert await device.unique_ids() == known
            assert await device.retr(1) == at.texts[0]
            await device.ok("DELE 1")
            assert (await device.say("QUIT")).startswith("-ERR [SYS/TEMP] some deleted messages not removed")
        other.execute("ROLLBACK")
        other.close()
        await trio.sleep(HEALED)
        found = await at.listed()
        assert (found[:-1], len(found)) == (known, len(at.texts))
        async with at.session() as device:
            await device.ok("DELE 1")
        assert await at.listed() == found[1:]


@pytest.mark.parametrize("seed", range(12))
async def test_a_damaged_database_is_refused_or_serves(tmp_path: Path, autojump_clock: MockClock, seed: int) -> None:
    """Whatever octets are wrong in it: a sentence for its owner, never a fault of the program."""
    chance, database = Random(seed), tmp_path / DATABASE
    async with house(tmp_path) as at:
        await at.listed()
        port = at.upstream.port
    octets = bytearray(database.read_bytes())
    for _ in range(chance.choice((1, 20, 400))):
        octets[chance.randrange(len(octets))] = chance.randrange(256)
    if seed % 3 == 0:
        del octets[chance.randrange(len(octets)) :]
    database.write_bytes(octets)
    for name in ("-wal", "-shm"):
        database.with_name(database.name + name).unlink(missing_ok=True)
    try:
        async with house(tmp_path, listed=False) as at:
            assert at.upstream.port != port
            async with at.connected() as device:
                with within(3 * REFRESH_WAIT):
                    answer = await device.login()
                assert answer.startswith(("+OK", "-ERR [SYS/TEMP]")), answer
    except* StoreUnavailable as refused:
        assert database.exists(), refused  # noqa: PT017 - it is what is there, not what is said


async def test_a_database_of_yesterday(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Put back beside the newer marker and log: what was shown since keeps its names."""
    upstream = inbox()
    async with house(tmp_path, upstream) as at:
        await at.listed()
    shutil.copy(tmp_path / DATABASE, tmp_path / "yesterday")
    async with house(tmp_path, upstream) as at:
        at.deliver(NEW)
        await trio.sleep(30)
        known = await at.listed()
        assert len(known) == len(at.texts)
    (tmp_path / "yesterday").replace(tmp_path / DATABASE)
    async with house(tmp_path, upstream) as at:
        assert await at.listed() == known


JUMPS = {"10 years back": -10 * 365 * DAY, "a day back": -DAY, "a day": DAY, "10 years": 10 * 365 * DAY}


@pytest.mark.parametrize("seconds", JUMPS.values(), ids=list(JUMPS))
async def test_the_clock_jumps(tmp_path: Path, autojump_clock: MockClock, seconds: float) -> None:
    """Polls, deletions and new mail go on, and every unique-id stays."""
    async with house(tmp_path, on_delete="trash") as at:
        known = await at.listed()
        at.clock.jump(seconds)
        at.deliver(NEW)
        await trio.sleep(60)
        found = await at.listed()
        assert found[:-1] == known
        async with at.session() as device:
            await device.ok("DELE 1")
        await trio.sleep(120)
        assert [message.octets for message in at.upstream.mailbox("anna", "Trash")] == at.texts[:1]
        assert await at.listed() == found[1:]


@pytest.mark.parametrize("seconds", JUMPS.values(), ids=list(JUMPS))
async def test_a_retry_outlives_a_jump(tmp_path: Path, autojump_clock: MockClock, seconds: float) -> None:
    """What was put off is done soon, whatever the clock says when it was put off, and when it is back."""
    clock = Clock()
    clock.jump(seconds)
    async with house(tmp_path, on_delete="trash", clock=clock) as at:
        at.strike(Rule("command", Answer("NO", "later"), "UID MOVE", times=None))
        async with at.session() as device:
            await device.ok("DELE 1")
        await trio.sleep(60)
        at.heal()
        clock.jump(-seconds)
        await trio.sleep(7 * 3600)
        assert [message.octets for message in at.upstream.mailbox("anna", "Trash")] == at.texts[:1]


class NobodyKnows(trio.abc.HostnameResolver):
    """A resolver that never answers, as when the network is up and DNS is not."""

    async def getaddrinfo(self, host: Any, *rest: Any, **more: Any) -> Any:
        await trio.sleep_forever()

    async def getnameinfo(self, *rest: Any) -> Any:
        await trio.sleep_forever()


async def test_a_name_that_nobody_resolves(tmp_path: Path, autojump_clock: MockClock) -> None:
    upstream = inbox()
    async with house(tmp_path, upstream) as at:
        known = await at.listed()
    trio.socket.set_custom_hostname_resolver(NobodyKnows())
    try:
        async with house(tmp_path, upstream, account={"host": "imap.example.org"}, listed=False) as at:
            for _ in range(3):
                async with at.connected() as device:
                    with within(REFRESH_WAIT):
                        assert (await device.login()).startswith("+OK")
                    assert await device.unique_ids() == known
                    with within(45):
                        assert str(await device.retr(1)).startswith("-ERR [SYS/TEMP]")
                await trio.sleep(100)
    finally:
        trio.socket.set_custom_hostname_resolver(None)
    async with house(tmp_path, upstream) as at:
        assert await at.listed() == known
