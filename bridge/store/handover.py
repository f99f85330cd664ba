"""Handing a copy of the database from the daemon to a command.

The daemon may be closed in by its service manager: it sees another `/tmp` and can write nowhere but in its state
directory. So it leaves the copy there, and the command, in the owner's own shell, takes it to where it is wanted.
"""

import os
import secrets
import shutil
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from bridge.model.failures import StoreUnavailable

_LEFT = "handover-*.sqlite3"

LEFT_SECONDS = 3600.0
"""A copy that nobody took over for so long is removed: its command was ended."""


def handover(state_dir: str | Path) -> Path:
    """Name a file for a copy in the state directory; it is not there yet. Copies that were left there go."""
    where = Path(state_dir)
    # With what a crash left of one that was being made.
    for left in where.glob(f"*{_LEFT}*"):
        with suppress(OSError):
            if left.stat().st_mtime < time.time() - LEFT_SECONDS:
                left.unlink()
    return where / _LEFT.replace("*", secrets.token_hex(8))


def must_be_free(target: Path) -> None:
    """See that a copy can be written to `target`, before one is made. Raises `StoreUnavailable`."""
    if os.path.lexists(target):
        raise StoreUnavailable(f"{target} is there already: name a file that is not, or move it away first")
    if not target.parent.is_dir():
        raise StoreUnavailable(f"{target} cannot be written: {target.parent} is no directory")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise StoreUnavailable(f"{target} cannot be written: there is no right to write in {target.parent}")


def take_over(copy: Path, target: Path) -> None:
    """Move a copy to `target`, which must not be there; it is for its owner alone, and on the disk.

    Raises `StoreUnavailable`, and then `target` is not there. The copy is gone in either case.
    """
    try:
        _copied(copy, target)
    except OSError as failure:
        raise StoreUnavailable(f"{target} cannot be written: {failure.strerror}") from failure
    finally:
        with suppress(OSError):
            copy.unlink()


def _copied(copy: Path, target: Path) -> None:
    with copy.open("rb") as source, ExitStack() as undo:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        undo.callback(target.unlink)
        with os.fdopen(descriptor, "wb") as written:
            os.fchmod(descriptor, 0o600)
            shutil.copyfileobj(source, written, 1 << 20)
            written.flush()
            os.fsync(descriptor)
        _seen_on_disk(target.parent)
        undo.pop_all()


def _seen_on_disk(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
