"""Passwords from files, variables, commands and credentials; and that none of them is ever shown."""

import os
import select
import traceback
from pathlib import Path

import pytest

from bridge.config import secret_keys
from bridge.model.failures import ConfigError
from bridge.model.secret import Secret
from bridge.model.settings import Settings
from tests.config.examples import ENVIRON, problems, settings, whole


def with_password(line: str) -> str:
    """Give a configuration whose account has its password from this line."""
    return whole(account=f'[account.family]\nhost = "imap.example.org"\nuser = "a"\n{line}\n')


def password(found: Settings) -> Secret:
    """Give the password of the only account."""
    (account,) = found.accounts.values()
    return account.password


@pytest.mark.parametrize(
    ("octets", "secret"),
    [(b"hunter2", "hunter2"), (b"hunter2\n", "hunter2"), (b"hunter2\r\n", "hunter2"), (b" h\xc3\xbc \n", " hü ")],
)
def test_one_newline_of_a_file_is_cut(octets: bytes, secret: str, tmp_path: Path) -> None:
    (tmp_path / "family.secret").write_bytes(octets)
    assert password(settings(tmp_path, with_password('password_file = "family.secret"'))) == Secret(secret)


@pytest.mark.parametrize(
    "octets", [b"", b"\n", b"hunter2\n\n", b"hunter2\nhunter2", b"hunter2\0", b"hunter2\r", b"\xff"]
)
def test_what_is_no_password(octets: bytes, tmp_path: Path) -> None:
    (tmp_path / "family.secret").write_bytes(octets)
    (told,) = problems(tmp_path, with_password('password_file = "family.secret"'))
    assert told.startswith("9: account.family.password_file: the password it gives must ")


def test_a_file_nobody_writes_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "family.secret")
    (told,) = problems(tmp_path, with_password('password_file = "family.secret"'))
    assert "must not be empty" in told


def test_a_variable(tmp_path: Path) -> None:
    found = settings(tmp_path, with_password('password_env = "FAMILY"'), {**ENVIRON, "FAMILY": "hunter2\n"})
    assert password(found) == Secret("hunter2")


def test_a_credential(tmp_path: Path) -> None:
    (tmp_path / "family").write_text("hunter2\n")
    environ = {**ENVIRON, "CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert password(settings(tmp_path, with_password('password_credential = "family"'), environ)) == Secret("hunter2")


def test_credentials_are_a_service_s(tmp_path: Path) -> None:
    (told,) = problems(tmp_path, with_password('password_credential = "family"'))
    assert "$CREDENTIALS_DIRECTORY is not set" in told


def test_a_command_runs_beside_the_file_without_a_shell(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("hunter2 $HOME\n")
    assert password(settings(tmp_path, with_password('password_command = ["cat", "secrets"]'))) == Secret(
        "hunter2 $HOME"
    )
    assert password(settings(tmp_path, with_password('password_command = ["echo", "$HOME;"]'))) == Secret("$HOME;")


def test_a_command_sees_the_environment_and_nothing_on_stdin(tmp_path: Path) -> None:
    text = with_password("""password_command = ["sh", "-c", 'cat; echo "$HOME"']""")
    assert password(settings(tmp_path, text)) == Secret("/home/anna")


def test_a_late_command_is_ended_with_all_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_keys, "COMMAND_DEADLINE", 0.5)
    os.mkfifo(tmp_path / "alive")
    with os.fdopen(os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as alive:
        script = "exec 3>alive; echo begun >&3; sleep 1000 & exit 0"
        (told,) = problems(tmp_path, with_password(f'password_command = ["sh", "-c", "{script}"]'))
        assert told.endswith("the command did not end within 0.5 s")
        assert alive.read() == b"begun\n"
        # Only when nobody holds the other end any more is the end of the file to be read.
        assert select.select([alive], [], [], 60)[0]
        assert alive.read() == b""


def test_a_late_command_that_closed_its_output_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_keys, "COMMAND_DEADLINE", 0.5)
    text = with_password("""password_command = ["sh", "-c", 'exec >&-; exec sleep 1000']""")
    assert "did not end within" in problems(tmp_path, text)[0]


def test_without_secrets_nothing_is_opened_or_run(tmp_path: Path) -> None:
    ways = ['password_file = "none"', 'password_env = "NONE"', 'password_credential = "none"']
    for way in [*ways, 'password_command = ["touch", "ran"]']:
        assert password(settings(tmp_path, with_password(way), secrets=False)) == Secret("")
    assert not (tmp_path / "ran").exists()


def test_no_secret_is_shown_by_settings(tmp_path: Path) -> None:
    shown = repr(settings(tmp_path, whole()))
    assert "hunter" not in shown
    assert "Secret(…)" in shown


def test_no_secret_is_shown_by_a_traceback(tmp_path: Path) -> None:
    text = with_password('password = ["hunter2"]\npassword_env = "hunter2"\noauth = { client_id = ["hunter2"] }')
    with pytest.raises(ConfigError) as caught:
        settings(tmp_path, text)
    shown = "".join(traceback.format_exception(caught.value))
    assert "hunter2" not in shown
    assert caught.value.__context__ is None
