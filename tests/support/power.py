"""A disk that forgets what was not synced when the power goes: the real calls of a real process, SQLite's included."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

MEMORY = Path("/dev/shm")


def power_missing() -> str:
    """Say why there can be no such disk here, or nothing."""
    if shutil.which("cc") is None:
        return "POWER CUTS ARE NOT TESTED HERE: they need a C compiler (cc)"
    return "" if MEMORY.is_dir() else "POWER CUTS ARE NOT TESTED HERE: they need /dev/shm"


@cache
def _library() -> Path:
    made = Path(tempfile.mkdtemp(prefix="popbridge-power-")) / "power.so"
    source = Path(__file__).with_name("power.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(made), str(source)], check=True)
    return made


class Disk:
    """One directory on a disk. What is in it when `environ` is given to a process is synced; `cut` drops what that
    process did not sync. A new file is what its directory's last sync says, with the octets of its own.
    """

    def __init__(self, directory: Path, platter: Path) -> None:
        self.directory = directory
        self._platter = platter

    def environ(self) -> dict[str, str]:
        """Give what a process needs in its environment; all that is there now is on the disk."""
        shutil.rmtree(self._platter, ignore_errors=True)
        self._platter.mkdir()
        for path in (self.directory, *self.directory.rglob("*")):
            if path.is_dir():
                names = "".join(f"{one.stat().st_ino} {one.is_dir():d} {one.name}\n" for one in path.iterdir())
                self._kept("names", path.stat().st_ino).write_text(names)
            else:
                self._kept("file", path.stat().st_ino).write_bytes(path.read_bytes())
        return {"LD_PRELOAD": str(_library()), "POPBRIDGE_PLATTER": str(self._platter)}

    def cut(self) -> None:
        """Have in the directory what was synced, and nothing else."""
        inode = self.directory.stat().st_ino
        after = self.directory.with_name(self.directory.name + ".after")
        self._lay(inode, after)
        shutil.rmtree(self.directory)
        after.rename(self.directory)

    def _lay(self, inode: int, directory: Path) -> None:
        directory.mkdir(mode=0o700)
        names = self._kept("names", inode)
        for line in names.read_text().splitlines() if names.exists() else ():
            number, inner, name = line.split(" ", 2)
            if name in {".", ".."}:
                continue
            if inner == "1":
                self._lay(int(number), directory / name)
            else:
                kept = self._kept("file", int(number))
                (directory / name).write_bytes(kept.read_bytes() if kept.exists() else b"")
                (directory / name).chmod(0o600)

    def _kept(self, what: str, inode: int) -> Path:
        return self._platter / f"{what}-{inode}"


@contextmanager
def disk() -> Iterator[Disk]:
    """Give an empty directory on such a disk."""
    with tempfile.TemporaryDirectory(prefix="popbridge-power-", dir=MEMORY) as place:
        directory = Path(place) / "state"
        directory.mkdir(mode=0o700)
        yield Disk(directory, Path(place) / "platter")
