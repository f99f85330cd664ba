"""Watching what the tests write for secrets that should not be in it.

In the tests' own process every `Secret` that a test makes is looked for in what it logs and in every failure's
sentence. Of each popbridge that runs as a process the log, the command line, what commands print, and the state
directory are searched for the secrets of its config.
"""

import tomllib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bridge.model.failures import BridgeError
from bridge.model.secret import Secret
from bridge.telemetry import logs

SHORTEST = 6
"""Characters: a shorter secret of a test stands in many a word."""

MOST = 200
"""Secrets that are looked for at one time, the latest: tests on any password make thousands."""

SECRET_FILES = ("password_file", "token_key_file", "key_file", "client_secret_file")
PRIVATE = 0o077


def telling(secret: str) -> bool:
    """Tell whether finding this would say anything: `another` is a password of a test, and a word."""
    return len(secret) >= SHORTEST and not secret.isalpha()


def found_in(written: str, secrets: Iterable[str]) -> list[str]:
    """Give the secrets that stand in a text."""
    return [secret for secret in secrets if secret in written]


class Watch:
    """Looks at what this process writes. `leaks` says what was found since `begin`."""

    def __init__(self) -> None:
        self.leaks: list[str] = []
        self._secrets: deque[str] = deque(maxlen=MOST)
        self._off = False

    def begin(self) -> None:
        """Forget what was."""
        self.leaks.clear()
        self._secrets.clear()
        self._off = False

    def rest(self) -> None:
        """Listen to nothing until the next `begin`: a password that chance made stands in any text."""
        self._off = True

    def made(self, secret: str) -> None:
        """Hear of a secret."""
        if self._off:
            return
        if telling(secret) and secret not in self._secrets:
            self._secrets.append(secret)

    def written(self, where: str, text: str) -> None:
        """Hear of a text that anybody may read."""
        if self._off:
            return
        self.leaks += [f"{where} tells {secret!r}: {text}" for secret in found_in(text, self._secrets)]

    def install(self) -> None:
        """Listen from now on to every Secret, log line and failure."""
        _wrap(Secret, "__init__", lambda _, value: self.made(value))
        for level in ("msg", "debug", "info", "warning", "error", "critical"):
            _wrap(logs._Lines, level, lambda _, line: self.written("a log line", line))
        _wrap(BridgeError, "__init__", lambda _, *words: self.written("a failure", " ".join(map(str, words))))


def _wrap(owner: type, name: str, listener: Any) -> None:
    wrapped = getattr(owner, name)

    def heard(*given: Any) -> Any:
        listener(*given)
        return wrapped(*given)

    setattr(owner, name, heard)


def secrets_of(config: Path) -> set[str]:
    """Give the secrets that a config holds or names in files; of one that cannot be read, none."""
    try:
        read = tomllib.loads(config.read_text())
    except (OSError, ValueError):
        return set()
    return {secret for secret in _secrets(read, config.parent) if telling(secret)}


def _secrets(table: Mapping[str, Any], base: Path) -> Iterator[str]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _secrets(value, base)
        elif isinstance(value, str) and key in {"password", "client_secret"}:
            yield value
        elif isinstance(value, str) and key in SECRET_FILES:
            yield from _lines(base / value)


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text().splitlines() if line]
    except (OSError, ValueError):
        return []


def process_leaks(config: Path, log: str, command_line: str) -> list[str]:
    """Say what a popbridge with this config told of its secrets, and which of its files others may read."""
    secrets = secrets_of(config)
    said = {"the log": log, "the command line": command_line}
    leaks = [f"{where} tells {secret!r}" for where, text in said.items() for secret in found_in(text, secrets)]
    return leaks + _file_leaks(config, secrets)


def _file_leaks(config: Path, secrets: set[str]) -> list[str]:
    leaks = []
    for file in _state_files(config):
        try:
            octets, mode = file.read_bytes(), file.stat().st_mode
        except OSError:
            continue  # gone meanwhile, as the write-ahead log at the end
        leaks += [f"{file} holds {secret!r}" for secret in secrets if secret.encode() in octets]
        if mode & PRIVATE:
            leaks.append(f"{file} has mode {mode & 0o777:o}: others may read it")
    return leaks


def _state_files(config: Path) -> list[Path]:
    try:
        state = config.parent / tomllib.loads(config.read_text())["server"]["state_dir"]
    except (OSError, ValueError, KeyError):
        return []
    # The spool holds messages, which may hold anything; who may read it is asked elsewhere.
    return [file for file in state.glob("popbridge*") if file.is_file()]
