"""A wall clock that somebody sets while popbridge runs: what waits goes on waiting, as long as it would have."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from bridge.model.failures import StoreError
from bridge.model.settings import ListenerSettings, Settings, Span
from bridge.net.authority import Authority, read_names
from bridge.sandbox import SandboxServer
from tests.faults.house import BEGINNING, LETTER, Clock, House, house, inbox, letters
from tests.faults.outcome import Outcome

HOUR = 3600.0
DAY = 24 * HOUR
YEAR = 365 * DAY
JUMPS = {"2 h": 2 * HOUR, "10 years": 10 * YEAR, "2 h back": -2 * HOUR, "10 years back": -10 * YEAR}
MANY = [LETTER.format(number).encode() for number in range(30)]
NAMES = read_names(["nas.lan"])

OUTCOME = Outcome(
    hears="what it heard before",
    within="undo windows, doubts and windows are as long as they say",
    left="nothing sooner than promised",
)


def trashed(upstream: SandboxServer) -> list[bytes]:
    return [message.octets for message in upstream.mailbox("anna", "Trash")]


async def delete_first(at: House) -> None:
    async with at.session() as device:
        await device.ok("DELE 1")


@pytest.mark.parametrize("seconds", JUMPS.values(), ids=list(JUMPS))
async def test_the_undo_window_is_as_long_as_promised(
    tmp_path: Path, autojump_clock: MockClock, seconds: float
) -> None:
    async with house(tmp_path, on_delete="trash", undo_window=HOUR) as at:
        await delete_first(at)
        await trio.sleep(60)
        at.clock.jump(seconds)
        await trio.sleep(HOUR - 120)
        assert trashed(at.upstream) == []
        await trio.sleep(120)
        assert trashed(at.upstream) == at.texts[:1]
        assert abs((await at.ask("status"))["clock_behind"] - seconds) < 1


async def test_a_promise_can_be_undone_behind_a_jump(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with house(tmp_path, on_delete="trash", undo_window=HOUR) as at:
        known = await at.listed()
        await delete_first(at)
        at.clock.jump(DAY)
        await trio.sleep(300)
        await at.ask("device_undo", device="fax", sessions=1)
        await trio.sleep(2 * HOUR)
        assert trashed(at.upstream) == []
        assert await at.listed() == known


async def test_a_restart_behind_a_jump_keeps_the_undo_window(tmp_path: Path, autojump_clock: MockClock) -> None:
    upstream, clock = inbox(), Clock()
    async with house(tmp_path, upstream, on_delete="trash", undo_window=HOUR, clock=clock) as at:
        await delete_first(at)
        clock.jump(DAY)
        await trio.sleep(100)
    async with house(tmp_path, upstream, on_delete="trash", undo_window=HOUR, clock=clock, listed=False) as at:
        await trio.sleep(HOUR - 200)
        assert trashed(upstream) == []
        await trio.sleep(400)
        assert trashed(upstream) == at.texts[:1]
        assert (await at.ask("status"))["clock_behind"] == 0


async def test_a_restart_right_behind_a_jump_keeps_the_undo_window(tmp_path: Path, autojump_clock: MockClock) -> None:
    """As by somebody who sets the clock, and restarts what goes by it."""
    upstream, clock = inbox(), Clock()
    async with house(tmp_path, upstream, on_delete="trash", undo_window=HOUR, clock=clock) as at:
        await delete_first(at)
        await trio.sleep(100)
        clock.jump(DAY)
        await trio.sleep(1)
    async with house(tmp_path, upstream, on_delete="trash", undo_window=HOUR, clock=clock, listed=False) as at:
        await trio.sleep(HOUR - 200)
        assert trashed(upstream) == []
        await trio.sleep(400)
        assert trashed(upstream) == at.texts[:1]


async def test_a_jump_that_could_not_be_written_down_is_written_later(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path) as at:
        with monkeypatch.context() as full:
            full.setattr(at.bridge._store, "note_clock", no_room)
            at.clock.jump(DAY)
            await trio.sleep(200)
        await trio.sleep(200)
        with sqlite3.connect(tmp_path / "state" / "popbridge.sqlite3") as db:
            [behind] = db.execute("SELECT value FROM facts WHERE name = 'clock_behind'").fetchone()
    assert abs(behind - DAY) < 1


async def no_room(behind: float) -> None:
    """As a disk does that is full."""
    await trio.lowlevel.checkpoint()
    raise StoreError(f"the disk is full ({behind})")


@pytest.mark.parametrize("pause", ["sleep", "downtime"])
async def test_time_that_really_passed_counts(tmp_path: Path, autojump_clock: MockClock, pause: str) -> None:
    """The machine slept, or popbridge did not run."""
    upstream, clock = inbox(), Clock()
    async with house(tmp_path, upstream, on_delete="trash", undo_window=HOUR, clock=clock) as at:
        await delete_first(at)
        await trio.sleep(100)
        if pause == "sleep":
            clock.sleep(2 * HOUR)
            await trio.sleep(120)
            assert trashed(upstream) == at.texts[:1]
    if pause == "downtime":
        clock.sleep(2 * HOUR)
        async with house(tmp_path, upstream, on_delete="trash", undo_window=HOUR, clock=clock, listed=False):
            await trio.sleep(120)
            assert len(trashed(upstream)) == 1


async def test_small_corrections_are_followed(tmp_path: Path, autojump_clock: MockClock) -> None:
    """As a clock that runs too slowly is put right again and again, for two hours in all."""
    async with house(tmp_path) as at:
        for _ in range(150):
            at.clock.jump(50)
            await trio.sleep(120)
        status = await at.ask("status")
        assert status["clock_behind"] == 0
        assert at.bridge._now() == pytest.approx(at.clock.now(), abs=1)


@pytest.mark.parametrize("seconds", [2 * HOUR, 10 * YEAR], ids=["2 h", "10 years"])
async def test_a_doubted_loss_is_not_believed(tmp_path: Path, autojump_clock: MockClock, seconds: float) -> None:
    async with house(tmp_path, texts=MANY) as at:
        known = await at.listed()
        at.upstream.empty("anna")
        await trio.sleep(120)
        at.clock.jump(seconds)
        await trio.sleep(HOUR / 2)
        assert await at.listed() == known
        await trio.sleep(HOUR / 2 + 300)
        assert await at.listed() == []


async def test_a_doubted_loss_is_not_believed_by_a_restart(tmp_path: Path, autojump_clock: MockClock) -> None:
    upstream, clock = inbox(), Clock()
    async with house(tmp_path, upstream, texts=MANY, clock=clock) as at:
        known = await at.listed()
        upstream.empty("anna")
        await trio.sleep(120)
        clock.jump(DAY)
        await trio.sleep(120)
    async with house(tmp_path, upstream, clock=clock, texts=[], listed=False) as at:
        await trio.sleep(HOUR / 2)
        assert await at.listed() == known


def window_of_a_month(settings: Settings) -> Settings:
    [fax] = settings.devices.values()
    return replace(settings, devices={fax.id: replace(fax, window=Span("age", int(30 * DAY)))})


@pytest.mark.parametrize("seconds", [60 * DAY, 10 * YEAR], ids=["60 days", "10 years"])
async def test_a_rolling_window_does_not_roll(tmp_path: Path, autojump_clock: MockClock, seconds: float) -> None:
    """And what it lets go would never come back."""
    upstream = inbox()
    for text in letters():
        upstream.deliver("anna", text, date=int(BEGINNING))
    async with house(tmp_path, upstream, change=window_of_a_month) as at:
        known = await at.listed()
        assert known
        at.clock.jump(seconds)
        await trio.sleep(7 * HOUR)
        assert await at.listed() == known
        at.clock.jump(-seconds)
        await trio.sleep(7 * HOUR)
        assert await at.listed() == known


async def test_histories_are_kept(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with house(tmp_path) as at:
        for _ in range(3):
            await at.listed()
        at.clock.jump(10 * YEAR)
        await trio.sleep(7 * HOUR)
        shown = await at.ask("device_show", device="fax")
    with sqlite3.connect(tmp_path / "state" / "popbridge.sqlite3") as db:
        assert db.execute("SELECT count(*) FROM sessions").fetchone() == (3,), shown


async def test_certificates_are_judged_by_the_clock_that_was_set(tmp_path: Path, autojump_clock: MockClock) -> None:
    """A machine that began in 1970, and was told the time later: devices have known it all along."""
    certificate, key = Authority.make(NAMES, BEGINNING).issue(NAMES, BEGINNING, 400)
    (tmp_path / "tls.crt").write_bytes(certificate)
    (tmp_path / "tls.key").write_bytes(key)
    pair = (str(tmp_path / "tls.crt"), str(tmp_path / "tls.key"))
    shown = ListenerSettings("127.0.0.1", tls="implicit", certificates=(pair,))
    clock = Clock()
    clock.jump(-BEGINNING)
    async with house(tmp_path, clock=clock, change=lambda settings: replace(settings, listeners=(shown,))) as at:
        assert "holds only from" in (await problem(at))
        at.clock.jump(BEGINNING)
        await trio.sleep(300)
        assert await problem(at) == ""


async def problem(at: House) -> str:
    [listener] = (await at.ask("status"))["listeners"]
    return str(listener["certificates"][0]["problem"])
