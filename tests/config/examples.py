"""Configurations for tests: a whole one that is right, with lines of it exchanged or added."""

import json
from collections.abc import Mapping
from pathlib import Path

from bridge.config import load
from bridge.model.failures import ConfigError
from bridge.model.settings import Settings

ENVIRON: Mapping[str, str] = {"HOME": "/home/anna", "PATH": "/usr/bin:/bin"}

LISTENER = '[[listener]]\naddress = "127.0.0.1:110"\n'
ACCOUNT = '[account.family]\nhost = "imap.example.org"\nuser = "family@example.org"\npassword = "hunter2"\n'
DEVICE = '[device.fax]\npassword = "hunter3"\nsources = ["family"]\n'


def basic(value: object) -> str:
    """Write a text, number or boolean as TOML. JSON's escapes are TOML's, but for characters beyond four digits."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def whole(server: str = "", listener: str = LISTENER, account: str = ACCOUNT, device: str = DEVICE) -> str:
    """Give a whole configuration."""
    return f"[server]\n{server}\n{listener}\n{account}\n{device}"


def settings(directory: Path, text: str, environ: Mapping[str, str] = ENVIRON, *, secrets: bool = True) -> Settings:
    """Load a configuration from `popbridge.toml` in a directory."""
    path = directory / "popbridge.toml"
    path.write_text(text, encoding="utf-8")
    return load(path, environ=environ, secrets=secrets)


def problems(directory: Path, text: str, environ: Mapping[str, str] = ENVIRON) -> list[str]:
    """Give what is wrong with a configuration, without the file's name."""
    try:
        settings(directory, text, environ)
    except ConfigError as wrong:
        return [problem.removeprefix(f"{directory}/popbridge.toml:") for problem in wrong.problems]
    return []
