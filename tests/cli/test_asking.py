"""What is asked first on a terminal."""

import os
import pty
import subprocess
from pathlib import Path

import pytest
import trio

from bridge.config import load
from tests.cli.running import facts
from tests.cli.test_administering import FAXES, NOBODY
from tests.serve.lived import FAX, deleting, lived
from tests.support.bridge_config import write_config
from tests.support.bridge_process import POPBRIDGE


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Give a configuration whose fax has deleted three messages at once, which is held."""
    path = write_config(tmp_path, {"family": NOBODY}, {"fax": FAXES})
    trio.run(_live, path)
    return path


async def _live(config: Path) -> None:
    async with lived(load(config, environ={})) as store:
        await store.commit_update(deleting(FAX, "trash", 1, 2, 3, state="held"))


def answered(config: Path, answer: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command at a terminal where somebody types an answer."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, answer.encode() + b"\n")
        command = [str(POPBRIDGE), *arguments, "--config", str(config)]
        return subprocess.run(command, stdin=theirs, capture_output=True, text=True, check=False, timeout=60)
    finally:
        os.close(ours)
        os.close(theirs)


def test_confirm_tells_how_many_are_held_and_asks(config: Path) -> None:
    no = answered(config, "n", "device", "confirm", "fax")
    assert no.returncode == 1
    assert no.stderr.startswith("3 held deletions of device fax will be carried out upstream. Go on? [y/N]:")
    assert facts(config, "device", "show", "fax")["intents"] == {"held": 3}
    yes = answered(config, "y", "device", "confirm", "fax")
    assert (yes.returncode, yes.stdout.partition(",")[0]) == (
        0,
        "device fax: 3 held deletions will be carried out upstream",
    )
    assert facts(config, "device", "show", "fax")["intents"] == {"waiting": 3}


@pytest.mark.parametrize(
    ("command", "question"),
    [
        (["device", "reset", "fax", "--since", "30d"], "Device fax will be shown everything not older than 30d again."),
        (["device", "reset", "fax"], "Device fax will be shown everything that is still upstream again."),
        (["device", "forget", "fax"], "Everything remembered of device fax will be forgotten."),
    ],
)
def test_what_cannot_be_taken_back_is_asked_first(config: Path, command: list[str], question: str) -> None:
    no = answered(config, "n", *command)
    assert (no.returncode, no.stdout) == (1, "")
    assert no.stderr.startswith(f"{question} Go on? [y/N]:")
    assert facts(config, "device", "show", "fax")["next_position"] == 5
    assert answered(config, "y", *command).returncode == 0
    assert facts(config, "device", "show", "fax")["next_position"] == 0
