"""The watch for secrets finds what it is for."""

from pathlib import Path

import pytest

from bridge.model.failures import BridgeError
from bridge.model.secret import Secret
from bridge.telemetry import get_logger
from tests.conftest import _watch
from tests.support.leaks import found_in, process_leaks, secrets_of

CONFIG = """
[server]
state_dir = "state"
token_key_file = "key"

[account.family]
password = "word of 2 blanks"
oauth = { client_secret = "client-5ecret" }

[device.fax]
password_file = "fax.secret"
"""


def told() -> list[str]:
    """Give what was found so far, and forget it: this test is to pass."""
    found = list(_watch.leaks)
    _watch.leaks.clear()
    return found


def test_a_secret_in_a_log_line_is_found() -> None:
    secret = Secret("hunter-42")
    get_logger("tests").warning("signed.in", password=secret, shown=secret.reveal())
    [leak] = told()
    assert "a log line tells 'hunter-42'" in leak


def test_a_secret_in_a_failure_is_found() -> None:
    secret = Secret("hunter-43")
    str(BridgeError(f"{secret} is not {secret.reveal()}"))
    [leak] = told()
    assert "a failure tells 'hunter-43'" in leak


def test_what_is_masked_is_none() -> None:
    secret = Secret("hunter-44")
    get_logger("tests").error("signed.in", password=secret, problem=str(BridgeError(f"{secret!r} is wrong")))
    assert told() == []


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "popbridge.toml").write_text(CONFIG)
    (tmp_path / "key").write_text("first=\nsecond=\n")
    (tmp_path / "fax.secret").write_text("fax-5ecret\n")
    (tmp_path / "state").mkdir()
    return tmp_path / "popbridge.toml"


def test_a_configs_secrets_are_known(config: Path) -> None:
    assert secrets_of(config) == {"word of 2 blanks", "client-5ecret", "fax-5ecret", "first=", "second="}
    assert found_in("login fax-5ecret failed", secrets_of(config)) == ["fax-5ecret"]


def test_a_process_that_tells_is_found(config: Path) -> None:
    database = config.parent / "state" / "popbridge.sqlite3"
    database.write_bytes(b"\0word of 2 blanks\0")
    database.chmod(0o640)
    assert process_leaks(config, "log: client-5ecret", "popbridge serve second=") == [
        "the log tells 'client-5ecret'",
        "the command line tells 'second='",
        f"{database} holds 'word of 2 blanks'",
        f"{database} has mode 640: others may read it",
    ]
    database.write_bytes(b"")
    database.chmod(0o600)
    assert process_leaks(config, "", "") == []
