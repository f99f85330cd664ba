"""Where things are in a TOML text: the line of every table, key and array element.

The text was read by `tomllib` before, so it is known to be valid; this scan only looks for what tells places,
and steps over the rest.
"""

import re
import tomllib

from bridge.config.problems import KeyPath

_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BLANK = re.compile(r"[ \t]*")
_KEY_PART = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*'""")
_TEXT = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})|' + r"'''.*?'''(?:'{0,2})|" + r""""(?:[^"\\]|\\.)*"|'[^']*'""",
    re.DOTALL,
)
_PLAIN = re.compile(r"[^,\]}#\r\n]*")


DEEPEST = 64
"""Parts of a key, those of its table counted: the schema knows five."""


class TooDeep(Exception):
    """A key has too many parts; `line` is where."""

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line}: a key of more than {DEEPEST} parts")
        self.line = line


def find_lines(text: str) -> dict[KeyPath, int]:
    """Give the line, counted from 1, where each path of a valid TOML text begins. Raises `TooDeep`."""
    scan = _Scan(text)
    scan.document()
    return scan.lines


class _Scan:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._counted = 0
        self._elements: dict[KeyPath, int] = {}
        self.lines: dict[KeyPath, int] = {}

    def document(self) -> None:
        table: KeyPath = ()
        self._skip(_SPACE)
        while self._at < len(self._text):
            if self._next("["):
                table = self._header()
            else:
                self._pair(table)
            self._skip(_SPACE)

    def _header(self) -> KeyPath:
        many = self._text.startswith("[[", self._at)
        self._at += 2 if many else 1
        path = self._dotted(())
        self._skip(_BLANK)
        self._at += 2 if many else 1
        if many:
            self._elements[path] = self._elements.get(path, 0) + 1
            path = (*path, self._elements[path])
        for end in range(1, len(path) + 1):
            self._found(path[:end])
        return path

    def _dotted(self, path: KeyPath) -> KeyPath:
        while True:
            self._skip(_BLANK)
            # A table below an array of tables belongs to the array's last element.
            path = (*path, self._elements[path]) if path in self._elements else path
            path = (*path, self._key_part())
            if len(path) > DEEPEST:
                raise TooDeep(self._text.count("\n", 0, self._at) + 1)
            self._skip(_BLANK)
            if not self._next("."):
                return path
            self._at += 1

    def _key_part(self) -> str:
        part = self._take(_KEY_PART)
        if part[:1] == '"':
            return str(tomllib.loads(f"key = {part}")["key"])
        return part.strip("'")

    def _pair(self, table: KeyPath) -> None:
        path = self._dotted(table)
        for end in range(len(table) + 1, len(path) + 1):
            self._found(path[:end])
        self._at += 1  # the equals sign
        self._skip(_BLANK)
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        if self._next("["):
            self._array(path)
        elif self._next("{"):
            self._inline_table(path)
        elif self._next('"') or self._next("'"):
            self._skip(_TEXT)
        else:
            self._skip(_PLAIN)

    def _array(self, path: KeyPath) -> None:
        self._at += 1
        self._skip(_SPACE)
        position = 0
        while not self._next("]"):
            position += 1
            self._found((*path, position))
            self._value((*path, position))
            self._past_comma()
        self._at += 1

    def _inline_table(self, path: KeyPath) -> None:
        self._at += 1
        self._skip(_SPACE)
        while not self._next("}"):
            self._pair(path)
            self._past_comma()
        self._at += 1

    def _past_comma(self) -> None:
        self._skip(_SPACE)
        if self._next(","):
            self._at += 1
            self._skip(_SPACE)

    def _found(self, path: KeyPath) -> None:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        self.lines.setdefault(path, self._line)

    def _next(self, token: str) -> bool:
        return self._text.startswith(token, self._at)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        self._take(pattern)

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        # Only a text that is not TOML could fail here, and loop for ever if it were let through.
        assert match is not None, "the text was checked before"
        self._at = match.end()
        return match.group()
