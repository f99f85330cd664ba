"""An owner's commands at a shell: with no popbridge running, and over the control socket of one that does."""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import trio

from bridge.config import load
from bridge.store.opening import DATABASE, LOCK
from tests.cli.running import facts, run
from tests.serve.lived import FAX, carry_out, deleting, lived
from tests.support.bridge_config import Value, write_config
from tests.support.bridge_process import BridgeProcess
from tests.support.commands_page import PAGE, section

NOBODY: dict[str, Value] = {
    "id": "family-id",
    "host": "127.0.0.1",
    "port": 1,
    "tls": "none",
    "user": "a",
    "password": "b",
}
FAXES: dict[str, Value] = {"id": "fax-id", "password": "c", "sources": ["family"], "on_delete": "trash"}


def configured(directory: Path, accounts: tuple[str, ...] = ("family",), device: str = "fax") -> Path:
    """Write a configuration whose state a device has lived in."""
    return write_config(directory, dict.fromkeys(accounts, NOBODY), {device: FAXES})


async def _live(config: Path, moved: bool) -> None:
    async with lived(load(config, environ={})) as store:
        await store.commit_update(deleting(FAX, "trash", 1, 2))
        if moved:
            await carry_out(store)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Give a configuration; its fax has deleted two of five messages, and nothing is done upstream yet."""
    path = configured(tmp_path)
    trio.run(_live, path, False)
    return path


@pytest.fixture
def moved(tmp_path: Path) -> Path:
    """Give the same, where both were moved to the trash."""
    path = configured(tmp_path)
    trio.run(_live, path, True)
    return path


# --- without a popbridge


def test_show_and_undo(config: Path) -> None:
    assert facts(config, "device", "show", "fax")["hidden"] == {"delete": 2}
    done = run(config, "device", "undo", "fax")
    assert (done.exit_code, done.stdout.splitlines()) == (
        0,
        [
            "device fax: undid what its last session deleted",
            "  2 messages are shown to it again, from its next login on",
            "  2 actions still to be done upstream will not be done",
        ],
    )
    assert facts(config, "device", "show", "fax")["hidden"] == {}


def test_an_undo_without_a_popbridge_says_who_moves_back(moved: Path) -> None:
    done = run(moved, "device", "undo", "fax")
    assert done.exit_code == 0
    assert "  2 messages will be moved back upstream when popbridge runs: start it" in done.stdout.splitlines()
    assert "! device fax: 2 messages are still to be moved back upstream" in run(moved, "status").stdout.splitlines()


def test_what_cannot_come_back_is_a_failure(config: Path) -> None:
    with closing(sqlite3.connect(config.parent / "state" / DATABASE)) as db, db:
        db.execute("UPDATE intents SET state = 'done', action = 'expunge', note = 'done: UID EXPUNGE' WHERE entry = 1")
    done = run(config, "device", "undo", "fax")
    assert done.exit_code == 1
    assert "  1 message cannot be brought back:" in done.stdout.splitlines()


def test_explain_fails_for_what_nobody_knows(config: Path) -> None:
    done = run(config, "explain", "fax", "<a@b>")
    assert done.exit_code == 1
    assert "127.0.0.1:1 cannot be reached" in done.stdout


def test_a_name_that_there_is_not_is_a_wrong_command_line(config: Path) -> None:
    done = run(config, "device", "show", "faxx")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == "popbridge: there is no device \"faxx\" (did you mean 'fax'?)\n"


@pytest.mark.parametrize("command", [["device", "reset"], ["device", "forget"], ["account", "forget"]])
def test_what_cannot_be_taken_back_is_asked_about_on_a_terminal(
    config: Path, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda self: True, raising=False)
    done = run(config, *command, "fax", stdin="n\n")
    assert done.exit_code == 1
    assert "Go on? [y/N]" in done.stderr
    assert facts(config, "device", "show", "fax")["hidden"] == {"delete": 2}


def test_no_account_is_tried_with_a_password_that_cannot_be_read(config: Path) -> None:
    config.write_text(config.read_text().replace('password = "b"', 'password_file = "no.secret"'))
    done = run(config, "explain", "fax", "<a@example.org>")
    assert done.exit_code == 1
    assert "account family: its password cannot be read here" in done.stdout


def test_reset_and_forget(config: Path) -> None:
    assert facts(config, "device", "reset", "fax")["shown_again"] == 5
    assert facts(config, "device", "forget", "fax", "--yes")["configured"] is True
    assert facts(config, "device", "show", "fax")["next_position"] == 0


def test_an_age_that_is_none_is_a_wrong_command_line(config: Path) -> None:
    done = run(config, "device", "reset", "fax", "--since", "yesterday", "--yes")
    assert done.exit_code == 2
    assert "--since" in done.stderr


def test_an_account_is_forgotten_once_it_left_the_configuration(config: Path) -> None:
    refused = run(config, "account", "forget", "family", "--yes")
    assert refused.exit_code == 1
    assert "account family is in the configuration that popbridge has: take it out first" in refused.stderr
    other = {**NOBODY, "id": "work"}
    write_config(config.parent, {"work": other}, {"fax": {**FAXES, "sources": ["work"]}})
    assert "! account family-id: it is not in the configuration any more" in run(config, "status").stdout
    assert facts(config, "account", "forget", "family-id", "--yes")["messages"] == 5
    assert "family-id" not in run(config, "status").stdout


def test_where_popbridge_never_ran_no_state_is_begun(tmp_path: Path) -> None:
    config = configured(tmp_path)
    for command in (["device", "show", "fax"], ["resume"], ["backup", str(tmp_path / "copy")]):
        done = run(config, *command)
        assert done.exit_code == 1
        assert "there is no database" in done.stderr
    assert not (tmp_path / "state").exists()


def test_a_popbridge_that_cannot_be_asked_is_not_written_behind(config: Path) -> None:
    with (config.parent / "state" / LOCK).open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = run(config, "device", "undo", "fax")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "is held by another popbridge" in done.stderr
    assert f"none answers at {config.parent / 'control.sock'}" in done.stderr
    assert facts(config, "device", "show", "fax")["hidden"] == {"delete": 2}


# --- backups


def test_a_backup_is_put_back_and_waits_for_resume(config: Path) -> None:
    copy = config.parent / "copy.sqlite3"
    assert facts(config, "backup", str(copy)) == {
        "version": 1,
        "running": False,
        "file": str(copy),
        "octets": copy.stat().st_size,
    }
    assert sorted(path.name for path in (config.parent / "state").glob("*.sqlite3")) == [DATABASE]
    copy.rename(config.parent / "state" / DATABASE)
    assert "! this database was put back from a backup" in run(config, "status").stdout
    assert facts(config, "resume") == {"version": 1, "running": False, "restored": True, "released": 2}
    assert "put back" not in run(config, "status").stdout
    assert run(config, "resume").stdout.startswith("there is nothing to resume")


def test_a_backup_writes_over_nothing(config: Path) -> None:
    copy = config.parent / "copy.sqlite3"
    copy.write_text("precious")
    done = run(config, "backup", str(copy))
    assert done.exit_code == 1
    assert "copy.sqlite3 is there already" in done.stderr
    assert copy.read_text() == "precious"


# --- with a popbridge


@pytest.fixture
def served(config: Path) -> Iterator[Path]:
    """Give a configuration that a popbridge runs with."""
    with BridgeProcess(config):
        yield config


def test_the_same_commands_over_the_control_socket(served: Path) -> None:
    assert facts(served, "device", "undo", "fax")["shown_again"] == 2
    found = facts(served, "device", "show", "fax")
    assert (found["running"], found["hidden"]) == (True, {})
    assert facts(served, "device", "confirm", "fax")["confirmed"] == 0
    assert facts(served, "device", "reset", "fax", "--since", "1d", "--yes")["device"] == "fax"
    assert facts(served, "account", "accept", "family")["mailboxes"] == []
    assert facts(served, "resume")["restored"] is False
    assert run(served, "device", "show", "faxx").exit_code == 2
    assert run(served, "account", "forget", "family", "--yes").exit_code == 1
    assert run(served, "explain", "fax", "0" * 32).exit_code == 1
    copy = served.parent / "copy.sqlite3"
    assert facts(served, "backup", str(copy))["octets"] == copy.stat().st_size
    assert facts(served, "device", "forget", "fax", "--yes")["configured"] is True


# --- the page


TOLD = (
    ("device", "show", "fax"),
    ("device", "undo", "fax"),
    ("device", "confirm", "fax"),
    ("device", "reset", "fax", "--yes"),
    ("device", "forget", "fax", "--yes"),
    ("account", "accept", "family"),
    ("resume",),
    ("status",),
)


@pytest.mark.parametrize("command", TOLD, ids=" ".join)
def test_the_page_names_every_key(config: Path, command: tuple[str, ...]) -> None:
    path = tuple(word for word in command if word not in {"fax", "family", "--yes"})
    page = section(PAGE.read_text(), path)
    assert {key for key in facts(config, *command) if f"`{key}`" not in page} <= {"version", "running"}


@pytest.mark.parametrize("which", ["devices", "accounts"])
def test_the_page_names_every_key_of_a_list(config: Path, which: str) -> None:
    page = section(PAGE.read_text(), (which,))
    (one,) = facts(config, which)[which]
    assert [key for key in one if f"`{key}`" not in page] == []
