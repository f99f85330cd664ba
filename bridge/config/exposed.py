"""Files with secrets that everybody on the machine can read: told by `check`, refused by nobody."""

import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path

from bridge.config.problems import KeyPath, dotted, printable

PLAIN = frozenset({"password", "client_secret"})
"""Keys that hold a secret themselves: the configuration is a file like the others then."""

FILES = frozenset({"password_file", "token_key_file", "client_secret_file", "key_file", "key"})
"""Keys that name a file with one, or several."""


def exposed(path: Path) -> Iterator[str]:
    """Give a sentence for each, of the configuration at `path`, which is right. Reads it anew, and opens no other."""
    real = path.absolute()
    told: set[Path] = set()
    for where, value in _leaves(tomllib.loads(real.read_bytes().decode("utf-8-sig")), ()):
        key = where[-1]
        names = [real] if key in PLAIN else [real.parent / value] if key in FILES else []
        for name in names:
            if name not in told and _open_to_all(name):
                told.add(name)
                shown = printable(str(name))
                yield f"{dotted(where)}: everybody on this machine can read {shown}: `chmod o= {shown}`"


def _leaves(value: object, where: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _leaves(each, (*where, key))
    elif isinstance(value, list):
        for number, each in enumerate(value, 1):
            # A list of names belongs to its key; tables have keys of their own.
            yield from _leaves(each, (*where, number) if isinstance(each, dict) else where)
    elif isinstance(value, str) and where:
        yield where, value


def _open_to_all(file: Path) -> bool:
    try:
        found = file.resolve(strict=True)
        reached = all(parent.stat().st_mode & stat.S_IXOTH for parent in found.parents)
        return reached and bool(found.stat().st_mode & stat.S_IROTH)
    except (OSError, ValueError):
        return False
