"""The files of `popbridge certificate`: whole or not at all, and none over another."""

import os
import stat
import tempfile
from pathlib import Path

KEY, PUBLIC, SHARED_KEY = 0o600, 0o644, 0o640


def write_new(path: Path, octets: bytes, mode: int, *, given: bool = True) -> None:
    """Write a file that is not there yet. `given`: where root writes it, it belongs to whom the directory belongs to.
    Raises `FileExistsError`, and `OSError` when it cannot be written.
    """
    made = _written(path, octets, mode, given)
    try:
        path.hardlink_to(made)
    finally:
        made.unlink()


def write_over(path: Path, octets: bytes, mode: int) -> None:
    """Write a file in another's place: whoever reads has the old one or the new. Raises `OSError`."""
    made = _written(path, octets, mode, given=True)
    try:
        made.replace(path)
    except OSError:
        made.unlink()
        raise


def _written(path: Path, octets: bytes, mode: int, given: bool) -> Path:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # for its owner alone at first
    made = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(descriptor)
            if given and os.geteuid() == 0:
                belongs = path.parent.stat()
                os.fchown(descriptor, belongs.st_uid, belongs.st_gid)
            os.fchmod(descriptor, mode)
    except OSError:
        made.unlink()
        raise
    return made


def key_mode(directory: Path) -> int:
    """Give how the key of a server's certificate is kept: for its owner alone, and where root puts it into a directory
    that is a group's, as /etc/popbridge is, readable for that group, since popbridge does not run as root.
    """
    belongs = directory.stat()
    shared = os.geteuid() == 0 and belongs.st_uid == 0 and belongs.st_gid != 0 and belongs.st_mode & stat.S_IXGRP
    return SHARED_KEY if shared else KEY
