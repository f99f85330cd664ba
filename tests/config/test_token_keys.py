"""The keys that seal secrets: where they are read from, and how a wrong one is told."""

import base64
from collections.abc import Mapping
from pathlib import Path

import pytest

from bridge.config import load
from bridge.model.failures import ConfigError
from bridge.model.secret import Secret
from tests.config.examples import whole

NEW, OLD = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))


def keys(tmp_path: Path, line: str, environ: Mapping[str, str] | None = None, *, secrets: bool = True) -> list[str]:
    """Give the keys that a configuration with this line has, the newest first."""
    file = tmp_path / "popbridge.toml"
    file.write_text(whole(server=f'state_dir = "state"\n{line}\n'))
    found = load(file, environ=environ or {}, secrets=secrets).server.token_keys
    assert all(type(key) is Secret for key in found)
    return [key.reveal() for key in found]


def test_no_key_is_no_mistake(tmp_path: Path) -> None:
    assert keys(tmp_path, "") == []


def test_a_key_from_each_place(tmp_path: Path) -> None:
    (tmp_path / "popbridge.key").write_text(f"{NEW}\n")
    assert keys(tmp_path, 'token_key_file = "popbridge.key"') == [NEW]
    assert keys(tmp_path, 'token_key_env = "KEY"', {"KEY": NEW}) == [NEW]
    found = keys(tmp_path, 'token_key_credential = "popbridge.key"', {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert found == [NEW]


def test_older_keys_stand_below_the_newest(tmp_path: Path) -> None:
    (tmp_path / "popbridge.key").write_text(f"\n{NEW}\r\n\n  {OLD}")
    assert keys(tmp_path, 'token_key_file = "popbridge.key"') == [NEW, OLD]


def test_nothing_is_opened_where_no_secret_is_wanted(tmp_path: Path) -> None:
    assert keys(tmp_path, 'token_key_file = "not-there"', secrets=False) == []


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        ("", "must give one key a line, and from 1 to 16 of them: 0 are there"),
        (f"{NEW}\n" * 17, "must give one key a line, and from 1 to 16 of them: 17 are there"),
        ("hunter2", "the key it gives must be 32 octets in base64, as `openssl rand -base64 32` prints"),
        (f"{NEW}\nhunter2\n", "the key it gives as number 2 must be 32 octets in base64"),
    ],
)
def test_a_key_that_is_none_is_told_and_never_shown(tmp_path: Path, content: str, wrong: str) -> None:
    (tmp_path / "popbridge.key").write_text(content)
    with pytest.raises(ConfigError) as refused:
        keys(tmp_path, 'token_key_file = "popbridge.key"')
    [problem] = refused.value.problems
    assert f"popbridge.toml:3: server.token_key_file: {wrong}" in problem
    assert "hunter2" not in problem


def test_a_key_that_is_not_there_or_there_twice(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        keys(tmp_path, 'token_key_file = "gone"\ntoken_key_env = "KEY"')
    first, second = refused.value.problems
    assert "popbridge.toml:3: server.token_key_file:" in first
    assert "gone cannot be read: No such file or directory" in first
    assert second.endswith("popbridge.toml:4: server.token_key_env: is one too many: 'token_key_file' is given already")
