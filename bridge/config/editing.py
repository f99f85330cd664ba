"""Changing the configuration file: whole or not at all, as its owner and with its mode, and never to a wrong one."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bridge.config.inserting import Keys, NoPlace, insert
from bridge.config.loading import LARGEST, examine
from bridge.config.problems import printable
from bridge.model.failures import BridgeError, ConfigError, WrongRequest
from bridge.model.secret import Secret
from bridge.model.settings import Settings

MARK = b"\xef\xbb\xbf"
"""A byte order mark, which some editors begin a file with."""


class NotWritten(BridgeError):
    """The configuration stays what it was."""


class ConfigFile:
    """The file as it is when it is opened. A link is followed: what it names is changed, and the link stays.

    Raises `NotWritten` where it cannot be read, `ConfigError` where it is no TOML.
    """

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        self.path = path
        self._environ = environ
        self._real = path.resolve()
        self._octets = self._read()
        self._text = _decoded(path, self._octets)
        self.settings, self._problems = examine(self._text, path, environ=environ)

    def known(self) -> Settings:
        """Give what it means with its secrets, as far as whoever runs this may read them; others are empty."""
        return examine(self._text, self.path, environ=self._environ, secrets=True)[0]

    def _read(self) -> bytes:
        try:
            octets = self._real.read_bytes()
        except FileNotFoundError:
            raise NotWritten(
                f"there is no {printable(str(self.path))} yet: `popbridge config example` prints one to start from"
            ) from None
        except OSError as failure:
            raise NotWritten(f"{printable(str(self.path))} cannot be read: {failure.strerror}") from None
        if len(octets) > LARGEST:
            raise NotWritten(f"{printable(str(self.path))} is too large for a configuration")
        return octets

    def add(self, section: str, name: str, keys: Keys, secrets: Mapping[str, Secret]) -> Settings:
        """Add `[section.name]`, and write `secrets`, by file name, beside the configuration. Gives what it means now.

        The new file is read as `serve` would, but for secrets; what is wrong with it that was not wrong before raises
        `ConfigError`. `NotWritten` is raised when it changed meanwhile, or cannot be written; `WrongRequest` where
        there is such a table. Then nothing is left of it.
        """
        try:
            text = insert(self._text, section, name, keys)
        except NoPlace as refused:
            raise WrongRequest(f"{printable(str(self.path))}: {refused}") from None
        settings = self._checked(text)
        octets = (MARK if self._octets.startswith(MARK) else b"") + text.encode()
        with self._alone(), self._kept(secrets):
            if self._read() != self._octets:
                raise NotWritten(f"{printable(str(self.path))} was changed meanwhile: nothing was written, try again")
            self._replace(octets)
        return settings

    def _checked(self, text: str) -> Settings:
        settings, problems = examine(text, self.path, environ=self._environ)
        before = {_without_line(problem) for problem in self._problems}
        if new := [problem for problem in problems if _without_line(problem) not in before]:
            raise ConfigError(["nothing was written, since this would be wrong then:", *new])
        return settings

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other commands that change it out for the block."""
        try:
            with self._real.open("rb") as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield
        except BlockingIOError:
            raise NotWritten(f"another command is changing {printable(str(self.path))} just now: try again") from None

    @contextmanager
    def _kept(self, secrets: Mapping[str, Secret]) -> Iterator[None]:
        """Write secrets for the block; if it fails they go."""
        made: list[Path] = []
        try:
            for name, secret in secrets.items():
                made.append(self._keep(self.path.absolute().parent / name, secret))
            yield
            made.clear()
        finally:
            for path in made:
                path.unlink(missing_ok=True)

    def _keep(self, path: Path, secret: Secret) -> Path:
        if path.exists() or path.is_symlink():
            raise NotWritten(f"there is a {printable(str(path))} already: name another file, or give it as it is")
        text = secret.reveal().encode("utf-8", "surrogateescape") + b"\n"
        self._write(path, text, private=True)
        return path

    def _replace(self, octets: bytes) -> None:
        self._write(self._real, octets, private=False)

    def _write(self, path: Path, octets: bytes, *, private: bool) -> None:
        """Write a file whole, with the owner and the mode of the configuration; a private one for nobody else."""
        try:
            descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        except OSError as failure:
            raise NotWritten(f"nothing can be written to {printable(str(path.parent))}: {failure.strerror}") from None
        draft = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(octets)
                file.flush()
                self._dress(draft, private=private)
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError as failure:
            raise NotWritten(f"{printable(str(path))} cannot be written: {failure.strerror}") from None
        finally:
            draft.unlink(missing_ok=True)
        _sync(path.parent)

    def _dress(self, draft: Path, *, private: bool) -> None:
        like, mine = self._real.stat(), draft.stat()
        if (mine.st_uid, mine.st_gid) != (like.st_uid, like.st_gid):
            try:
                os.chown(draft, like.st_uid, like.st_gid)
            except PermissionError:
                raise NotWritten(
                    f"{printable(str(self.path))} is another's, and must stay so: run this as its owner or as root"
                ) from None
        if private:
            draft.chmod(like.st_mode & 0o640)
            return
        shutil.copystat(self._real, draft)
        os.utime(draft)


def _sync(directory: Path) -> None:
    """Have a name last that was given to a file."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _decoded(path: Path, octets: bytes) -> str:
    try:
        return octets.removeprefix(MARK).decode()
    except UnicodeDecodeError as failure:
        line = octets.count(b"\n", 0, failure.start) + 1
        raise ConfigError([f"{printable(str(path))}:{line}: is not UTF-8"]) from None


def _without_line(problem: str) -> str:
    """Cut FILE:LINE, which moves."""
    return problem.partition(": ")[2]
