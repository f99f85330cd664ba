"""The spool's files: each named by the SHA-256 of its octets, for its owner alone, whole or not there at all."""

import errno
import hashlib
import itertools
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from bridge.store.generation import sync_directory
from bridge.store.spool_catalogue import Spooled
from bridge.telemetry import instant

PART = ".part"
"""What the name of a file that is being written ends in."""

SHARDS = 256
"""Directories that the files are spread over, by the first octet of their names."""

SPARED = 20
SPARED_OCTETS = 1_000_000_000
"""Of its file system the spool leaves one part in so many free, at most so many octets: the database is on it too."""


class SpoolFiles:
    """The files below one directory. Everything here blocks, and raises `OSError`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._numbers = itertools.count(1)
        self._begun: set[str] = set()

    def path(self, digest: bytes) -> Path:
        """Give where the file of a digest is."""
        name = digest.hex()
        return self.directory / name[:2] / name

    # --- writing

    def write(self, bodies: Sequence[bytes]) -> list[Spooled]:
        """Have a file for each of some messages, on the disk with its name when this returns."""
        parts: list[Part] = []
        try:
            for body in bodies:
                part = self.begin()
                parts.append(part)
                part.append(body)
                part.close()
            return self.keep(parts)
        finally:
            for part in parts:
                part.abandon()

    def begin(self) -> "Part":
        """Begin a file, under a name of its own."""
        self.directory.mkdir(mode=0o700, exist_ok=True)
        name = f"{next(self._numbers)}{PART}"
        part = Part(self, name)
        self._begun.add(name)
        return part

    def keep(self, parts: Sequence["Part"]) -> list[Spooled]:
        """Give closed files the names that their octets have, and see these on the disk. What was there under such a
        name had the same octets, or was damaged.
        """
        instant("spool.written")
        places = [self.path(part.digest) for part in parts]
        made = False
        for shard in {place.parent for place in places}:
            if not shard.is_dir():
                shard.mkdir(mode=0o700, exist_ok=True)
                made = True
        for part, place in zip(parts, places, strict=True):
            part.rename(place)
        instant("spool.renamed")
        for shard in {place.parent for place in places}:
            sync_directory(shard)
        if made:
            sync_directory(self.directory)
        return [Spooled(part.digest, part.octets) for part in parts]

    def ended(self, name: str) -> None:
        """A file has its name, or is given up."""
        self._begun.discard(name)

    def check_room(self, octets: int) -> None:
        """Raise `OSError` when writing so many octets would leave too little free."""
        disk = os.statvfs(self.directory)
        spared = min(disk.f_blocks * disk.f_frsize // SPARED, SPARED_OCTETS)
        if disk.f_bavail * disk.f_frsize < octets + spared:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    # --- removing

    def remove(self, digests: Iterable[bytes]) -> int:
        """Remove the files of digests, those that are there; gives how many were."""
        removed = 0
        for digest in digests:
            with suppress(FileNotFoundError):
                self.path(digest).unlink()
                removed += 1
        return removed

    def remove_parts(self) -> int:
        """Remove what a crash left half written; gives how many files that were."""
        left = [name for name in _names(self.directory) if name.endswith(PART) and name not in self._begun]
        for name in left:
            (self.directory / name).unlink(missing_ok=True)
        return len(left)

    def sweep(self, shard: int, known: set[bytes]) -> tuple[int, set[bytes]]:
        """Remove the files of a shard whose digests are not known; gives how many, and which known ones are missing."""
        directory = self.directory / f"{shard:02x}"
        there = {name: digest for name in _names(directory) if (digest := _digest(name)) is not None}
        orphans = [name for name, digest in there.items() if digest not in known]
        for name in orphans:
            (directory / name).unlink(missing_ok=True)
        return len(orphans), known.difference(there.values())


class Part:
    """A file that is being written: 0600, under a name that says so."""

    def __init__(self, files: SpoolFiles, name: str) -> None:
        self.octets = 0
        self._files = files
        self._name = name
        self._path = files.directory / name
        self._sum = hashlib.sha256()
        # One of the same name can only be what a crash left: nobody else writes here.
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        self._descriptor = os.open(self._path, flags, 0o600)

    @property
    def digest(self) -> bytes:
        """The SHA-256 of what was written so far."""
        return self._sum.digest()

    def append(self, data: bytes) -> None:
        """Write more."""
        self._files.check_room(len(data))
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]
        self._sum.update(data)
        self.octets += len(data)

    def close(self) -> None:
        """See all of it on the disk, and write no more."""
        descriptor, self._descriptor = self._descriptor, -1
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def rename(self, place: Path) -> None:
        """Give it its name."""
        self._path.rename(place)
        self._files.ended(self._name)
        self._name = ""

    def abandon(self) -> None:
        """Remove it, unless it has its name by now. Raises nothing: what stays is swept later."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        if self._name:
            with suppress(OSError):
                self._path.unlink()
            self._files.ended(self._name)
            self._name = ""


def _names(directory: Path) -> list[str]:
    try:
        return [path.name for path in directory.iterdir()]
    except FileNotFoundError:
        return []


def _digest(name: str) -> bytes | None:
    """Give the digest that a file's name tells; of a file that is none of ours, None."""
    try:
        digest = bytes.fromhex(name)
    except ValueError:
        return None
    return digest if digest.hex() == name and len(digest) == hashlib.sha256().digest_size else None
