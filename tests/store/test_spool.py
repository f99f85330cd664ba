"""Messages on disk: what is kept, how it is read, and what goes first."""

import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from bridge.model.failures import MessageChanged
from bridge.model.names import AccountId, EntrySeq
from bridge.store import inline
from bridge.store.spool import Spool
from bridge.store.spool_reading import SpooledContent
from bridge.telemetry import counters
from tests.store.spooling import BLOCK, DAY, account, held, keep, letter, read, spooled_files, spooling
from tests.store.support import FAMILY, mode, vanish

ONE = EntrySeq(1)


@pytest.mark.parametrize("octets", [1, 1000, 65_536, 65_537, BLOCK, BLOCK + 1, 3_000_000])
async def test_what_is_kept_is_read_octet_for_octet(tmp_path: Path, octets: int) -> None:
    async with spooling(tmp_path) as store:
        await keep(store.spool, 1, octets=octets)
        assert await read(store.spool, 1) == letter(1, octets)
    async with spooling(tmp_path) as store:
        assert await read(store.spool, 1) == letter(1, octets)
        assert await read(store.spool, 2) is None


async def test_a_message_written_bit_by_bit_is_the_same(tmp_path: Path) -> None:
    whole = letter(1, 3_000_000)
    async with spooling(tmp_path) as store:
        async with store.spool.draft(FAMILY, ONE) as draft:
            for at in range(0, len(whole), 50_000):
                await draft.write(whole[at : at + 50_000])
            await draft.keep()
        assert await read(store.spool, 1) == whole


async def test_what_is_written_and_not_kept_leaves_nothing(tmp_path: Path) -> None:
    async with spooling(tmp_path) as store:
        async with store.spool.draft(FAMILY, ONE) as draft:
            await draft.write(letter(1, 3_000_000))
        with trio.move_on_after(0) as cancelled:
            async with store.spool.draft(FAMILY, ONE) as draft:
                await draft.write(letter(1, 3_000_000))
        assert cancelled.cancelled_caught
        assert (held(store.spool), spooled_files(tmp_path)) == ([], [])


async def test_files_are_for_their_owner_alone_and_named_by_their_octets(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        async with spooling(tmp_path) as store:
            await keep(store.spool, 1, 2)
    finally:
        os.umask(before)
    assert {path.name for path in spooled_files(tmp_path)} == {
        hashlib.sha256(letter(number)).hexdigest() for number in (1, 2)
    }
    for path in spooled_files(tmp_path):
        assert (mode(path), mode(path.parent), mode(path.parent.parent)) == (0o600, 0o700, 0o700)


# --- what goes


def clock() -> float:
    """Unix seconds, driven by Trio's clock."""
    return 1_000_000_000.0 + trio.current_time()


async def pass_time(spool: Spool, seconds: float = 60) -> None:
    """Let the spool look after itself for so long."""
    with trio.move_on_after(seconds):
        await spool.run()


async def test_copies_share_a_file_as_long_as_one_is_kept(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with spooling(tmp_path, runner=inline) as store:
        await store.spool.keep(FAMILY, [(ONE, letter(1)), (EntrySeq(2), letter(1))])
        assert len(spooled_files(tmp_path)) == 1
        await store.spool.apply([account(octets=1000)])
        await pass_time(store.spool)
        assert (held(store.spool), await read(store.spool, 2)) == ([2], letter(1))
        await store.spool.apply([account(octets=999)])
        await pass_time(store.spool)
        assert (held(store.spool), spooled_files(tmp_path)) == ([], [])


async def test_the_oldest_go_first_and_no_newer_one_for_an_older(tmp_path: Path) -> None:
    async with spooling(tmp_path, account(octets=3500)) as store:
        spool = store.spool
        await keep(spool, 4, 5, 6)
        assert held(spool) == [4, 5, 6]
        assert not spool.wants(FAMILY, EntrySeq(3), 1000)
        assert spool.wants(FAMILY, EntrySeq(3), 500)
        assert spool.wants(FAMILY, EntrySeq(7), 3500)
        assert not spool.wants(FAMILY, EntrySeq(7), 3501)
        await keep(spool, 3, 8, 2)
        assert held(spool) == [5, 6, 8]
        await keep(spool, 9, octets=2500)
        assert (held(spool), len(spooled_files(tmp_path))) == ([8, 9], 2)
        assert spool.totals(FAMILY) == (2, 3500)
    async with spooling(tmp_path, account(octets=3500)) as store:
        assert (held(store.spool), store.spool.totals(FAMILY)) == ([8, 9], (2, 3500))
        assert await read(store.spool, 9) == letter(9, 2500)


async def test_what_is_old_goes(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with spooling(tmp_path, account(seconds=2 * DAY), runner=inline, now=clock) as store:
        await keep(store.spool, 1)
        await pass_time(store.spool, DAY)
        await keep(store.spool, 2)
        await pass_time(store.spool, DAY - 60)
        assert held(store.spool) == [1, 2]
        await pass_time(store.spool, 7200)
        assert (held(store.spool), len(spooled_files(tmp_path))) == ([2], 1)


async def test_what_went_upstream_goes_within_a_day_and_not_at_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with spooling(tmp_path, runner=inline, now=clock) as store:
        await keep(store.spool, 1, 2)
        await vanish(store, 1)
        await pass_time(store.spool, 3600)
        assert await read(store.spool, 1) == letter(1)
        await pass_time(store.spool, DAY - 3600)
        assert (held(store.spool), len(spooled_files(tmp_path))) == ([2], 1)


async def test_an_account_that_spools_no_more_leaves_nothing(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with spooling(tmp_path, runner=inline) as store:
        await keep(store.spool, 1)
        await store.spool.apply([account(spool="off")])
        assert (held(store.spool), await read(store.spool, 1), store.spool.totals(FAMILY)) == ([], None, None)
        await keep(store.spool, 2)
        await pass_time(store.spool)
        assert spooled_files(tmp_path) == []
        await store.spool.apply([account()])
        assert (held(store.spool), store.spool.totals(FAMILY)) == ([], (0, 0))


async def test_accounts_have_bounds_of_their_own(tmp_path: Path) -> None:
    work = account("work", octets=1000)
    async with spooling(tmp_path, account(), work) as store:
        await store.register([work.id], [])
        await keep(store.spool, 1, 2)
        await keep(store.spool, 3, 4, account="work")
        assert (held(store.spool), held(store.spool, "work")) == ([1, 2], [4])


async def test_what_a_crash_left_is_swept(tmp_path: Path, autojump_clock: MockClock, log: io.StringIO) -> None:
    async with spooling(tmp_path, runner=inline) as store:
        await keep(store.spool, 1, 2)
    one, two = (tmp_path / "spool" / name[:2] / name for name in map(_name, (1, 2)))
    (one.parent / _name(3)).write_bytes(b"")
    orphan = one.parent / (one.name[:2] + "f" * 62)
    orphan.write_bytes(b"an orphan")
    (tmp_path / "spool" / "1.part").write_bytes(b"half of it")
    (tmp_path / "spool" / "README").write_bytes(b"not ours")
    two.unlink()
    async with spooling(tmp_path, runner=inline) as store:
        await pass_time(store.spool)
        assert (held(store.spool), await read(store.spool, 1)) == ([1], letter(1))
        assert {path.name for path in spooled_files(tmp_path)} == {one.name, "README"}
        assert "spool.swept orphans=3 missing=1" in log.getvalue()
        # And again every day.
        orphan.write_bytes(b"an orphan")
        await pass_time(store.spool, DAY - 120)
        assert orphan.exists()
        await pass_time(store.spool, 7200)
        assert not orphan.exists()


def _name(seed: int) -> str:
    return hashlib.sha256(letter(seed)).hexdigest()


# --- files that are not what they were


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x")


def flip(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 1]))


def lead_elsewhere(path: Path) -> None:
    elsewhere = path.rename(path.with_name("elsewhere"))
    path.symlink_to(elsewhere)


@pytest.mark.parametrize("damage", [cut, grow, flip, Path.unlink, lead_elsewhere])
async def test_a_damaged_file_is_dropped_and_nothing_of_it_given(
    tmp_path: Path, damage: Callable[[Path], None], log: io.StringIO
) -> None:
    async with spooling(tmp_path) as store:
        await keep(store.spool, 1, 2, octets=BLOCK)
        dropped = counters()["spool_dropped"]
        damage(tmp_path / "spool" / _name_of(1)[:2] / _name_of(1))
        assert await read(store.spool, 1) is None
        assert (held(store.spool), await read(store.spool, 2)) == ([2], letter(2, BLOCK))
        assert counters()["spool_dropped"] == dropped + 1
        assert log.getvalue().count("spool.damaged") == 1
        assert _name_of(1) not in {path.name for path in spooled_files(tmp_path)}
        # It is fetched and kept anew.
        await keep(store.spool, 1, octets=BLOCK)
        assert await read(store.spool, 1) == letter(1, BLOCK)


def _name_of(seed: int, octets: int = BLOCK) -> str:
    return hashlib.sha256(letter(seed, octets)).hexdigest()


async def receive_all(content: SpooledContent, given: list[bytes]) -> None:
    """Take the rest of a message."""
    while chunk := await content.receive():
        given.append(chunk)


@pytest.mark.parametrize("damage", [flip, cut])
async def test_a_large_message_that_turns_out_damaged_never_ends(
    tmp_path: Path, damage: Callable[[Path], None], log: io.StringIO
) -> None:
    octets = 2 * BLOCK + 1000
    async with spooling(tmp_path) as store:
        await keep(store.spool, 1, octets=octets)
        (path,) = spooled_files(tmp_path)
        given: list[bytes] = []
        async with store.spool.read(FAMILY, ONE) as content:
            assert content is not None
            given.append(await content.receive())
            damage(path)
            with pytest.raises(MessageChanged, match="the server is asked for it next time"):
                await receive_all(content, given)
        # What is wrong is at its end, and that was not given.
        assert len(b"".join(given)) < octets
        assert letter(1, octets).startswith(b"".join(given))
        assert (held(store.spool), spooled_files(tmp_path)) == ([], [])
        assert log.getvalue().count("spool.damaged") == 1


async def test_a_message_is_read_to_its_end_though_it_is_dropped_meanwhile(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    octets = 3 * BLOCK
    async with spooling(tmp_path, runner=inline) as store:
        await keep(store.spool, 1, octets=octets)
        async with store.spool.read(FAMILY, ONE) as content:
            assert content is not None
            given = await content.receive()
            await store.spool.apply([account(octets=1)])
            await pass_time(store.spool)
            assert spooled_files(tmp_path) == []
            while chunk := await content.receive():
                given += chunk
        assert given == letter(1, octets)


# --- what devices fetch


async def fill(spool: Spool, seed: int, octets: int, *, finish: bool = True) -> None:
    """Hand over a message as it is sent to a device."""
    whole, filling = letter(seed, octets), spool.fill(AccountId(FAMILY), EntrySeq(seed))
    for at in range(0, octets, 65_536):
        filling.feed(whole[at : at + 65_536])
        await trio.lowlevel.checkpoint()
    if finish:
        filling.finish()
    filling.give_up()


async def test_what_a_device_fetched_is_kept(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with spooling(tmp_path, runner=inline) as store, trio.open_nursery() as nursery:
        nursery.start_soon(store.spool.run)
        for seed, octets in ((1, 1), (2, 70_000), (3, BLOCK), (4, 2_500_000), (5, 8_000_000)):
            await fill(store.spool, seed, octets)
            await trio.sleep(1)
            assert await read(store.spool, seed) == letter(seed, octets)
        await fill(store.spool, 6, 1000, finish=False)
        await fill(store.spool, 7, 2_500_000, finish=False)
        await trio.sleep(1)
        assert (held(store.spool), len(spooled_files(tmp_path))) == ([1, 2, 3, 4, 5], 5)
        nursery.cancel_scope.cancel()


async def test_what_the_disk_is_too_slow_for_is_not_kept(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with spooling(tmp_path, runner=inline) as store:
        # Nobody writes yet: 4 MiB wait, and the rest is not waited for.
        await fill(store.spool, 1, 3_000_000)
        await fill(store.spool, 2, 3_000_000)
        await fill(store.spool, 3, 1000)
        await pass_time(store.spool)
        assert (held(store.spool), len(spooled_files(tmp_path))) == ([1, 3], 2)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.spool.run)
            await fill(store.spool, 2, 3_000_000)
            await trio.sleep(1)
            assert await read(store.spool, 2) == letter(2, 3_000_000)
            nursery.cancel_scope.cancel()
