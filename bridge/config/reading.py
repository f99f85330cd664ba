"""What the sections share while one file is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bridge.config.files import read_bounded
from bridge.config.problems import KeyPath, Problems
from bridge.config.values import Wrong


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of one file. `base` is its directory; `secrets` says whether other files may be opened."""

    base: Path
    environ: Mapping[str, str]
    secrets: bool
    problems: Problems

    def path(self, name: str) -> Path:
        """Give a path as meant: relative to the file."""
        return self.base / name

    def readable(self, name: str, path: KeyPath) -> str:
        """Give the absolute path of a file that must be readable, noting when it is not."""
        found = self.path(name)
        if self.secrets:
            try:
                read_bounded(found)
            except Wrong as wrong:
                self.problems.add(path, str(wrong))
        return str(found)
