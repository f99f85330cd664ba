"""A table put into a TOML text, whose every line stays where it was: its comments, its order, its ways to write."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import InlineTable

from bridge.config.lines import find_lines
from bridge.config.problems import dotted

Keys = Mapping[str, Any]

_KEY_SHOWN = re.compile(r"\s*#+\s*[A-Za-z0-9_-]+\s*=")
"""A comment that is a key, switched off."""


class NoPlace(ValueError):
    """The text is written in a way that nothing can be put into without changing what is there."""


def insert(text: str, section: str, name: str, keys: Keys) -> str:
    """Give the text with `[section.name]` and its keys: behind the last table of the section, in front of the comments
    that belong to what follows; or at the end, or inside an inline table, where the section is written so.

    Line ends are those of the text. Raises `NoPlace`. What comes out means what the text meant, and the table.
    """
    returns = "\r\n" in text and text.count("\r\n") == text.count("\n")
    plain = text.replace("\r\n", "\n") if returns else text
    wanted = _wanted(plain, section, name, keys)
    for tried in _tries(plain, section, name, keys):
        try:
            right = tomllib.loads(tried) == wanted
        except tomllib.TOMLDecodeError:
            continue
        if right:
            return tried.replace("\n", "\r\n") if returns else tried
    raise NoPlace(f"[{dotted((section, name))}] cannot be added to a file that is written like this: add it by hand")


def _wanted(text: str, section: str, name: str, keys: Keys) -> dict[str, Any]:
    meant = tomllib.loads(text)
    tables = meant.setdefault(section, {})
    if not isinstance(tables, dict) or name in tables:
        raise NoPlace(f"[{dotted((section, name))}] is there already")
    tables[name] = dict(keys)
    return meant


def _tries(text: str, section: str, name: str, keys: Keys) -> Iterator[str]:
    lines, block = text.split("\n"), _block(section, name, keys)
    yield _put(lines, _place(lines, text, section), block)
    yield _put(lines, len(lines), block)
    yield from _inline(text, section, name, keys)


def _block(section: str, name: str, keys: Keys) -> list[str]:
    written = tomlkit.dumps({key: _inlined(value) for key, value in keys.items()}).rstrip("\n")
    return [f"[{dotted((section, name))}]", *written.split("\n")]


def _inlined(value: Any) -> Any:
    """Write a table inside a table in one line."""
    if not isinstance(value, Mapping):
        return value
    inline = tomlkit.inline_table()
    inline.update({key: _inlined(each) for key, each in value.items()})
    return inline


def _place(lines: list[str], text: str, section: str) -> int:
    """Give before which line the table goes, from 0."""
    headers = sorted((line, path) for path, line in find_lines(text).items() if lines[line - 1].lstrip()[:1] == "[")
    last = max((line for line, path in headers if path[0] == section), default=0)
    behind = [line for line, path in headers if line > last and path[0] != section]
    if last == 0:  # none yet: accounts before devices, anything else last
        behind = [line for line, path in headers if path[0] == "device"] if section == "account" else []
    return _above(lines, behind[0] - 1) if behind else len(lines)


def _above(lines: list[str], at: int) -> int:
    """Go up over what introduces a header: comments, but for those that show keys of the table before."""
    while True:
        top = at
        while top > 0 and not lines[top - 1].strip():
            top -= 1
        end = top
        while top > 0 and lines[top - 1].lstrip().startswith("#"):
            top -= 1
        if top == end or any(map(_KEY_SHOWN.match, lines[top:end])):
            return end
        at = top


def _put(lines: list[str], at: int, block: list[str]) -> str:
    before, after = lines[:at], lines[at:]
    while before and not before[-1].strip():
        before.pop()
    return "\n".join([*before, *([""] if before else []), *block, *(after if after[:1] == [""] else ["", *after])])


def _inline(text: str, section: str, name: str, keys: Keys) -> Iterator[str]:
    """Add to `device = { fax = { … } }`, where no table can be opened."""
    try:
        document = tomlkit.parse(text)
        tables = document.get(section)
        if isinstance(tables, InlineTable):
            tables[name] = _inlined(keys)
            yield tomlkit.dumps(document)
    except TOMLKitError:
        return
