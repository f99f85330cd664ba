"""The five ways to give a password, and how each is read."""

import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Protocol

from bridge.config import values
from bridge.config.files import read_bounded
from bridge.config.problems import KeyPath, listed
from bridge.config.reading import Reading
from bridge.config.tables import Reads
from bridge.model.secret import Secret

COMMAND_DEADLINE = 10.0
"""Seconds a `password_command` may take: it stands between an admin and a running bridge."""
LONGEST = 64 * 2**10
"""Octets of a secret: more is a wrong file, not a password."""

WAYS = {
    "password": "the password itself; a file of its own is safer",
    "password_file": "a file with the password alone; one newline at its end is cut",
    "password_env": "the environment variable that holds the password",
    "password_command": "a command and its arguments, run without a shell for at most 10 s; it prints the password",
    "password_credential": "a systemd credential (`LoadCredential=`), read from `$CREDENTIALS_DIRECTORY`",
}

Password = Annotated[Secret, Reads(lambda value: Secret(values.secret_text(value)), "text")]
PasswordFile = Annotated[str, Reads(values.file_name, "path")]
PasswordEnv = Annotated[str, Reads(values.text, "name of a variable")]
PasswordCommand = Annotated[list[Annotated[str, Reads(values.secret_text, "text")]], "list of text"]
PasswordCredential = Annotated[str, Reads(values.text, "name of a credential")]

NO_PASSWORD = Secret("")


class HasPassword(Protocol):
    """A table with the five keys."""

    @property
    def password(self) -> Secret: ...
    @property
    def password_file(self) -> str: ...
    @property
    def password_env(self) -> str: ...
    @property
    def password_command(self) -> list[str]: ...
    @property
    def password_credential(self) -> str: ...


def one_password(
    table: HasPassword, raw: Mapping[str, object], path: KeyPath, reading: Reading, *, instead: tuple[str, ...]
) -> Secret:
    """Give a table's password, noting when it is not given exactly once.

    `instead` are keys that stand in for a password; with one of them the secret is empty. Blocks for up to 10 s.
    """
    given = [way for way in raw if way in WAYS or way in instead]
    if not given:
        reading.problems.add(path, f"has no password: give exactly one of {listed(_offered(instead))}")
    for way in given[1:]:
        reading.problems.add((*path, way), f"is one password too many: '{given[0]}' is given already")
    secrets = [_find(table, way, path, reading) for way in given if way in WAYS]
    return secrets[0] if secrets else NO_PASSWORD


def _offered(instead: tuple[str, ...]) -> tuple[str, ...]:
    hashes = tuple(way for way in instead if way.startswith("password"))
    return (*hashes, *WAYS, *(way for way in instead if way not in hashes))


def _find(table: HasPassword, way: str, path: KeyPath, reading: Reading) -> Secret:
    if way == "password" or not reading.secrets or reading.problems.spoiled((*path, way)):
        return table.password
    try:
        octets = _octets(table, way, reading)
    except values.Wrong as wrong:
        reading.problems.add((*path, way), str(wrong))
        return NO_PASSWORD
    try:
        return Secret(values.secret_text(cut(octets)))
    except values.Wrong as wrong:
        reading.problems.add((*path, way), f"the password it gives {wrong}")
        return NO_PASSWORD


def _octets(table: HasPassword, way: str, reading: Reading) -> bytes:
    return secret_octets(way.removeprefix("password_"), getattr(table, way), reading)


def secret_octets(way: str, value: Any, reading: Reading) -> bytes:
    """Give what a key leads to whose name ends in `way`: file, env, credential or command. Raises `Wrong`.

    Blocks, for a command up to 10 s.
    """
    match way:
        case "file":
            return read_bounded(reading.path(value), LONGEST)
        case "env":
            return from_variable(value, reading.environ)
        case "credential":
            return read_bounded(credential(value, reading.environ), LONGEST)
        case _:
            return _from_command(value, reading)


def cut(octets: bytes) -> str:
    """Cut one newline, however it is written."""
    try:
        return octets.removesuffix(b"\n").removesuffix(b"\r" if octets.endswith(b"\n") else b"").decode()
    except UnicodeDecodeError:
        raise values.Wrong("must be UTF-8") from None


def from_variable(name: str, environ: Mapping[str, str]) -> bytes:
    """Give what an environment variable holds. Raises `Wrong`."""
    if name not in environ:
        raise values.Wrong("the environment has no variable of that name")
    return environ[name].encode("utf-8", "surrogateescape")


def credential(name: str, environ: Mapping[str, str]) -> Path:
    """Give where systemd put a credential. Raises `Wrong`."""
    directory = environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        raise values.Wrong("$CREDENTIALS_DIRECTORY is not set: only a service with LoadCredential= has credentials")
    if "/" in name or name in {".", ".."}:
        raise values.Wrong("a credential is named without a slash")
    return Path(directory, name)


def _from_command(command: list[str], reading: Reading) -> bytes:
    if not command:
        raise values.Wrong("names no command")
    try:
        process = subprocess.Popen(  # noqa: S603 - the configuration's owner says what to run
            command,
            cwd=reading.base,
            env=dict(reading.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as failure:
        raise values.Wrong(f"the command cannot be run: {failure.strerror or 'no such command'}") from None
    with process:
        try:
            octets, status = _outcome(process)
        except values.Wrong:
            _end(process)
            raise
    if status:
        raise values.Wrong(f"the command failed with status {status}: run it by hand to see why")
    return octets


def _outcome(process: subprocess.Popen[bytes]) -> tuple[bytes, int]:
    """Wait for what the command prints and how it ends, bounded in time and octets; `communicate` bounds only time."""
    assert process.stdout is not None
    pipe, octets, ends = process.stdout.fileno(), b"", time.monotonic() + COMMAND_DEADLINE
    late = values.Wrong(f"the command did not end within {COMMAND_DEADLINE:g} s")
    while select.select([pipe], [], [], max(ends - time.monotonic(), 0))[0]:
        chunk = os.read(pipe, LONGEST)
        octets += chunk
        if len(octets) > LONGEST:
            raise values.Wrong(f"the command prints more than {LONGEST} octets: that is no password")
        if not chunk:
            try:
                return octets, process.wait(max(ends - time.monotonic(), 0))
            except subprocess.TimeoutExpired:
                raise late from None
    raise late


def _end(process: subprocess.Popen[bytes]) -> None:
    """Leave nothing of the command running: it leads a process group of its own, and was not waited for yet."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
