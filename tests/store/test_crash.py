"""SIGKILL at each of the store's instants: what was acknowledged is there; what was not, is whole or not at all."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from bridge.store import open_store
from tests.store import crashing_device
from tests.store.device_support import intents
from tests.store.support import DEN, FAX, INBOX, JUNK, allow, broken_entries, files, fill, modes, uids

ROOT = Path(__file__).parents[2]
STEPS = ["opened", "begun", "listed", "updated", "measured", "moved", "closed"]


def crash(state_dir: Path, instant: str, times: int, life: str = "crashing") -> list[str]:
    """Give the steps that were acknowledged before the process was killed."""
    command = [sys.executable, "-m", f"tests.store.{life}", str(state_dir), instant, str(times)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    return ended.stdout.split()


async def found(state_dir: Path) -> list[str]:
    """Give the steps whose traces are in the database; each must be whole."""
    async with open_store(state_dir) as store:
        messages = await store.load_messages(INBOX)
        mailboxes, junk = await store.load_mailboxes(), await store.load_parts(JUNK)
        hides, intents = await store.load_hides(FAX), await store.due_intents(10.0, 9)
        last = [row["last_session"] for row in (await store.overview())["devices"]]
    assert [message.seq for message in messages] == uids(messages)
    assert (uids(messages), [mailbox.state is not None for mailbox in mailboxes]) in [
        ([], []),
        ([1, 2], [False]),
        ([1, 2, 3], [True]),
        ([1, 3], [True, True]),
    ]
    assert [[(row.seq, row.uid) for row in part.messages] for part in junk] == len(mailboxes[1:]) * [[(2, 1), (4, 2)]]
    assert broken_entries(state_dir) == []
    assert (hides, len(intents), len(last)) in [([], 0, 0), ([1, 2], 1, 1)]
    listed = [mailbox for mailbox in mailboxes if mailbox.state]
    measured = messages and messages[0].measured == 101
    signs = [True, messages, listed, hides, measured, junk, last and last[0]]
    return [step for step, sign in zip(STEPS, signs, strict=True) if sign]


@pytest.mark.parametrize("times", range(1, len(STEPS)))
def test_before_a_commit(tmp_path: Path, times: int) -> None:
    acknowledged = crash(tmp_path, "store.before_commit", times)
    assert acknowledged == STEPS[:times]
    assert trio.run(found, tmp_path) == acknowledged


@pytest.mark.parametrize("times", range(1, len(STEPS)))
def test_after_a_commit_and_before_it_was_told(tmp_path: Path, times: int) -> None:
    acknowledged = crash(tmp_path, "store.after_commit", times)
    assert acknowledged == STEPS[:times]
    assert trio.run(found, tmp_path) == STEPS[: times + 1]


def test_between_migration_and_marker(tmp_path: Path) -> None:
    assert crash(tmp_path, "store.migrated", 1) == []
    assert trio.run(found, tmp_path) == ["opened"]


async def test_life_goes_on_after_a_crash(tmp_path: Path) -> None:
    crash(tmp_path, "store.before_commit", 2)
    async with open_store(tmp_path) as store:
        assert [row.seq for row in await fill(store, 1, 2, 3)] == [1, 2, 3]
        assert await store.load_hides(FAX) == []


async def test_what_a_crash_leaves_behind_is_closed_to_others(tmp_path: Path) -> None:
    crash(tmp_path, "store.before_commit", 2)
    allow(0o666, *files(tmp_path))
    async with open_store(tmp_path) as store:
        await store.load_mailboxes()
        assert set(modes(tmp_path).values()) == {0o600}


# --- a device

# What the fax is shown, has hidden and takes for copies; how its intents stand and how the den's do, by step.
DEVICE = [
    ([], [], {}, [], []),
    ([], [], {}, [], []),
    ([1, 2], [3], {4: 1}, [], []),
    ([1, 2], [3], {4: 1}, [], ["voting", "voting"]),
    ([], [1, 2, 3], {4: 1}, ["lapsed", "lapsed"], ["waiting", "waiting"]),
    ([1, 2], [3], {4: 1}, ["cancelled", "cancelled"], ["voting", "voting"]),
    ([], [], {}, ["cancelled", "cancelled"], ["voting", "voting"]),
    ([], [], {}, ["cancelled", "cancelled"], ["voting", "voting"]),
]


async def device_found(state_dir: Path) -> object:
    async with open_store(state_dir) as store:
        fax = await store.load_device(FAX)
        states = [[state for _, _, state in await intents(store, device)] for device in (FAX, DEN)]
        return [one.seq for one in fax.announced], list(fax.hidden), fax.duplicates, *states


@pytest.mark.parametrize("times", range(1, len(crashing_device.STEPS)))
def test_whatever_is_done_with_a_device_is_done_whole(tmp_path: Path, times: int) -> None:
    """A vote and the agreement that it completes, an undo and the votes that wait again: there is nothing between."""
    acknowledged = crash(tmp_path, "store.before_commit", times, "crashing_device")
    assert acknowledged == crashing_device.STEPS[:times]
    assert trio.run(device_found, tmp_path) == DEVICE[times - 1]
