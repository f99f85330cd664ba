"""Mistakes in a configuration: collected all at once, told as `FILE:LINE: table.key: what is wrong`."""

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import NamedTuple

KeyPath = tuple[str | int, ...]
"""Where a value is: table and key names, and positions in arrays counted from 1."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")


MOST = 1000
"""Mistakes that are told; a file with more of them is not a configuration, and nobody reads on."""

LONGEST_NAME = 100
"""Characters of a name that something like it is looked for."""


class Problem(NamedTuple):
    """One mistake. `line` counts from 1."""

    line: int
    path: KeyPath
    sentence: str


class Problems:
    """Collects the mistakes of one file. `lines` tells where each table, key and array element begins."""

    def __init__(self, file: str, raw: Mapping[str, object], lines: Mapping[KeyPath, int]) -> None:
        self._file = file
        self._raw = raw
        self._lines = lines
        self._found: dict[Problem, None] = {}
        self._spoiled: set[KeyPath] = set()

    @property
    def enough(self) -> bool:
        """True once there are so many that further ones are not told."""
        return len(self._found) >= MOST

    def add(self, path: KeyPath, sentence: str) -> None:
        """Note a mistake at a path, which may lead to a key that is missing."""
        told = self._trimmed(path)
        self._spoiled.update(_upwards(told))
        if not self.enough:
            self._found.setdefault(Problem(self._line(told), told, sentence))

    def spoiled(self, path: KeyPath) -> bool:
        """Tell whether a mistake was noted at the path or inside it, so that no check need build on its value."""
        return self._trimmed(path) in self._spoiled

    def rendered(self) -> list[str]:
        """Give every mistake as a line, in the order of the file."""
        ordered = sorted(self._found, key=_place)
        told = [f"{self._file}:{line}: {dotted(path)}: {sentence}" for line, path, sentence in ordered]
        return [*told, f"{self._file}: there are more mistakes than these {MOST}"] if self.enough else told

    def _trimmed(self, path: KeyPath) -> KeyPath:
        # A schema may look deeper than the file: a source written as text has no key `source` of its own.
        value: object = self._raw
        for depth, part in enumerate(path):
            if isinstance(value, dict):
                value = value.get(part)
            elif isinstance(value, list) and isinstance(part, int) and part <= len(value):
                value = value[part - 1]
            else:
                return path[: max(depth, 1)] if value is not None else path
        return path

    def _line(self, path: KeyPath) -> int:
        return next((self._lines[part] for part in _upwards(path) if part in self._lines), 1)


def _place(problem: Problem) -> tuple[int, list[str]]:
    return problem.line, [f"{part:09}" if isinstance(part, int) else part for part in problem.path]


def _upwards(path: KeyPath) -> Iterator[KeyPath]:
    return (path[:end] for end in range(len(path), 0, -1))


def dotted(path: KeyPath) -> str:
    """Write a path as people write keys: `listener.2.address`, with quotes where TOML wants them."""
    return ".".join(str(part) if isinstance(part, int) or _BARE.fullmatch(part) else quoted(part) for part in path)


def quoted(text: str) -> str:
    """Write a text in double quotes, with anything a terminal would act on escaped."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + printable(escaped) + '"'


def printable(text: str) -> str:
    """Write out whatever a terminal would act on, such as control characters and changes of direction."""
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


def suggestion(given: str, known: Iterable[str]) -> str:
    """Give ` (did you mean 'x'?)` for a name that is nearly a known one, else nothing."""
    near = get_close_matches(given, list(known), n=1) if len(given) <= LONGEST_NAME else []
    return f" (did you mean '{near[0]}'?)" if near else ""


def listed(names: Iterable[str]) -> str:
    """Write names for a sentence: `'a', 'b' or 'c'`."""
    *most, last = (f"'{name}'" for name in names)
    return f"{', '.join(most)} or {last}" if most else last
