"""A disk or a database at fault under what an owner asks for: a sentence that says what to do, and nothing changed."""

import base64
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from bridge.model.failures import BridgeError, StoreError, StoreUnavailable
from bridge.model.secret import Secret
from bridge.model.settings import Settings
from bridge.serve.bridge import running_bridge
from bridge.serve.offline import administer_offline
from bridge.store import inline, open_store, opening
from bridge.telemetry import set_instant_hook
from tests.cli.running import run
from tests.faults.house import HEALED, LETTER, house, inbox
from tests.faults.outcome import Outcome
from tests.faults.test_disk_full import fill, make_room
from tests.store.conftest import small_disk
from tests.support.bridge_config import write_config

__all__ = ["small_disk"]

DATABASE = Path("state") / "popbridge.sqlite3"

COMMANDS: Mapping[str, dict[str, Any]] = {
    "device_undo": {"device": "fax", "sessions": 1},
    "device_reset": {"device": "fax"},
    "device_confirm": {"device": "fax"},
    "device_forget": {"device": "fax"},
    "account_accept": {"account": "anna"},
    "account_forget": {"account": "anna"},
    "import_uidls": {"device": "fax", "pairs": [[2, "former-2"]]},
    "resume": {},
    "backup": {},
}
"""What owners may ask for that is written down."""

OUTCOME = Outcome(
    hears="a sentence that names the file and what to do, exit status 1; devices hear what they heard before",
    within="at once",
    left="nothing changed; it works once the disk is well",
)


def lived(directory: Path) -> Settings:
    """Have a device live a little: it was shown some messages, and deleted one."""

    async def life() -> Settings:
        async with house(directory, inbox()) as at:
            async with at.session() as device:
                await device.ok("DELE 1")
            return at.settings

    return trio.run(life, clock=MockClock(autojump_threshold=0))


def content(directory: Path) -> list[str]:
    """Give all that the database holds, but for how often it was opened."""
    with closing(sqlite3.connect(directory / DATABASE)) as db:
        return [line for line in db.iterdump() if "'generation'" not in line]


def read_only(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)


def writable(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)


DISKS: Mapping[str, tuple[str, Callable[[Path], None], Callable[[Path], None]]] = {
    "full": ("make room|No space left on device", fill, make_room),
    "read-only": ("[Rr]ead-only", read_only, writable),
}


@pytest.mark.parametrize("disk", DISKS)
def test_commands_on_a_disk_that_takes_nothing(small_disk: Path, disk: str) -> None:
    """Without a bridge that runs: each says why, and works once the disk is well."""
    words, spoil, mend = DISKS[disk]
    settings = lived(small_disk)
    before = content(small_disk)
    spoil(small_disk)
    for command, arguments in COMMANDS.items():
        with pytest.raises(StoreError, match=words):
            administer_offline(settings, command, arguments)
    mend(small_disk)
    assert content(small_disk) == before
    for command, arguments in COMMANDS.items():
        # What a configuration has is not forgotten.
        without = replace(settings, accounts={}, devices={})
        administer_offline(without if command.endswith("forget") else settings, command, arguments)


def write_nothing(instant: str) -> None:
    """Stand for a disk that became read-only while files were open on it."""
    if instant == "store.before_commit":
        failure = sqlite3.OperationalError("attempt to write a readonly database")
        failure.sqlite_errorcode = sqlite3.SQLITE_READONLY
        raise failure


async def test_commands_of_a_bridge_whose_disk_became_read_only(tmp_path: Path, autojump_clock: MockClock) -> None:
    """The bridge goes on, and what devices are shown stays as it was."""
    async with house(tmp_path) as at:
        async with at.session() as device:
            await device.ok("DELE 1")
        known = await at.listed()
        set_instant_hook(write_nothing)
        try:
            for command in ("device_undo", "device_reset", "device_confirm", "resume"):
                with pytest.raises(BridgeError, match="it is read-only: give popbridge's user the right"):
                    await at.ask(command, **COMMANDS[command])
            at.deliver(LETTER.format("new").encode())
            await trio.sleep(30)
            async with at.connected() as device:
                assert (await device.login()).startswith("+OK")
                assert await device.unique_ids() == known
                await device.ok("DELE 1")
                assert (await device.say("QUIT")).startswith("-ERR [SYS/TEMP] some deleted messages not removed")
        finally:
            set_instant_hook(lambda instant: None)
        await trio.sleep(HEALED)
        await at.ask("device_undo", **COMMANDS["device_undo"])
        assert (await at.listed())[1:-1] == known


async def test_a_backup_of_a_running_bridge_on_a_full_disk(small_disk: Path, autojump_clock: MockClock) -> None:
    async with house(small_disk) as at:
        known = await at.listed()
        there = {path.name for path in (small_disk / "state").iterdir()}
        fill(small_disk)
        with pytest.raises(BridgeError, match=r"its disk is full: make room|No space left on device"):
            await at.ask("backup")
        assert {path.name for path in (small_disk / "state").iterdir()} == there
        assert await at.listed() == known
        make_room(small_disk)
        assert (await at.ask("backup"))["file"]


@pytest.mark.parametrize("disk", DISKS)
async def test_a_first_start(small_disk: Path, autojump_clock: MockClock, disk: str) -> None:
    """It ends with the reason, and once the disk is well it begins as if nothing had been."""
    words, spoil, mend = DISKS[disk]
    spoil(small_disk)
    with pytest.RaisesGroup(pytest.RaisesExc(StoreError, match=words), allow_unwrapped=True, flatten_subgroups=True):
        async with house(small_disk, listed=False):
            pass
    mend(small_disk)
    async with house(small_disk) as at:
        assert len(await at.listed()) == len(at.texts)


# --- databases


def header(octets: bytearray) -> None:
    octets[:100] = bytes(100)


def page(octets: bytearray) -> None:
    octets[4096:] = bytes(len(octets) - 4096)


def newer(octets: bytearray) -> None:
    octets[60:64] = (999).to_bytes(4, "big")


DAMAGES: Mapping[str, tuple[str, Callable[[bytearray], None]]] = {
    "its header overwritten": ("damaged.*restore a backup", header),
    "its pages overwritten": ("damaged.*restore a backup", page),
    "of a newer popbridge": ("schema 999 .*use the newer popbridge", newer),
}


@contextmanager
def damaged(directory: Path, how: Callable[[bytearray], None]) -> Iterator[None]:
    """Have the database damaged for the block; see that it stays as it is, and put it back."""
    database = directory / DATABASE
    before = database.read_bytes()
    octets = bytearray(before)
    how(octets)
    database.write_bytes(octets)
    yield
    assert database.read_bytes() == octets, "what an owner may still want to save is left alone"
    database.write_bytes(before)


@pytest.mark.parametrize("name", DAMAGES)
def test_commands_on_a_database(tmp_path: Path, name: str) -> None:
    words, how = DAMAGES[name]
    settings = lived(tmp_path)
    before = content(tmp_path)
    with damaged(tmp_path, how):
        for command, arguments in COMMANDS.items():
            with pytest.raises(StoreError, match=words):
                administer_offline(settings, command, arguments)
    assert content(tmp_path) == before


@pytest.mark.parametrize("name", DAMAGES)
def test_a_start_on_a_database(tmp_path: Path, name: str) -> None:
    words, how = DAMAGES[name]
    settings = lived(tmp_path)

    async def start() -> None:
        async with running_bridge(settings, runner=inline):
            pass

    with damaged(tmp_path, how), pytest.raises(StoreError, match=words):
        trio.run(start, clock=MockClock(autojump_threshold=0))


def test_a_database_that_somebody_else_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At a start and for every command: who is asked to let go, and all is as it was then."""
    monkeypatch.setattr(opening, "BUSY_SECONDS", 0.05)
    settings = lived(tmp_path)
    before = content(tmp_path)

    async def start() -> None:
        async with running_bridge(settings, runner=inline):
            pass

    with closing(sqlite3.connect(tmp_path / DATABASE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another program holds it locked: close that program"):
            trio.run(start, clock=MockClock(autojump_threshold=0))
        for command, arguments in COMMANDS.items():
            with pytest.raises(StoreError, match="another program holds it locked: close that program"):
                administer_offline(settings, command, arguments)
    assert content(tmp_path) == before
    trio.run(start, clock=MockClock(autojump_threshold=0))


async def test_a_secret_on_a_full_disk(small_disk: Path) -> None:
    """The one that was kept before is the one that is kept."""
    async with open_store(small_disk / "state") as store:
        await store.use_keys([Secret(base64.b64encode(bytes(32)).decode())])
        await store.save_secret("oauth", "anna", Secret("first"))
        fill(small_disk)
        with pytest.raises(StoreUnavailable, match="its disk is full: make room"):
            await store.save_secret("oauth", "anna", Secret(900_000 * "x"))
        assert await store.load_secret("oauth", "anna") == Secret("first")
        make_room(small_disk)
        await store.save_secret("oauth", "anna", Secret("second"))
        assert await store.load_secret("oauth", "anna") == Secret("second")


def test_what_stands_at_the_shell(tmp_path: Path) -> None:
    """One sentence, and exit status 1."""
    lived(tmp_path)
    config = write_config(
        tmp_path,
        {"anna": {"host": "127.0.0.1", "tls": "none", "user": "anna", "password": "secret"}},
        {"fax": {"password": "secret", "sources": ["anna"]}},
    )
    with damaged(tmp_path, header):
        for command in ("device undo fax", "device show fax", "status", f"backup {tmp_path / 'b'}"):
            done = run(config, *command.split())
            assert done.exit_code == 1
            assert done.stderr.count("\n") == 1, done.stderr
            assert "it is damaged or no database: stop popbridge, move the file away and restore" in done.stderr
    assert not (tmp_path / "b").exists()
    assert run(config, "device", "undo", "fax").exit_code == 0
