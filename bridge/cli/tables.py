"""Tables for people: aligned columns without lines or colours, readable in a terminal, a file and a mail."""

import io
import json
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bridge.config.problems import printable

UNBROKEN = 1000
"""Columns off a terminal: whoever reads a file or a pipe wants a row on a line."""


def show(lines: Iterable[str]) -> None:
    """Print lines. What comes from outside must have gone through `table` or `printable`."""
    click.echo("\n".join(lines))


def show_json(found: Mapping[str, Any]) -> None:
    """Print one object."""
    click.echo(json.dumps(found, indent=2, ensure_ascii=False))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Give a table's lines; numbers are set to the right. Control characters in cells are written out."""
    cells = [[cell(value) for value in row] for row in rows]
    if not cells:
        return []
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="")
    for name, column in zip(head, zip(*cells, strict=True), strict=True):
        right = all(value.replace(" ", "").isdecimal() for value in column)
        made.add_column(Text(name), justify="right" if right else "left", overflow="fold")
    for row in cells:
        made.add_row(*map(Text, row))
    out = io.StringIO()
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else UNBROKEN
    Console(file=out, width=width, color_system=None, force_terminal=False).print(made)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def cell(value: object) -> str:
    """Write a value for people."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return printable(str(value))


def moment(seconds: object) -> str:
    """Write a time, given in Unix seconds, in local time to the second."""
    if not isinstance(seconds, (int, float)):
        return "-"
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def hours(seconds: float) -> str:
    """Give a length of time roughly: in minutes, hours or days."""
    if seconds < 2 * 3600:
        return count(round(seconds / 60), "minute")
    return count(round(seconds / 3600), "hour") if seconds < 2 * 86_400 else count(round(seconds / 86_400), "day")


def size(octets: object) -> str:
    """Write a number of octets in the unit that suits it."""
    if not isinstance(octets, int):
        return "-"
    number, unit = float(octets), "octets"
    for larger in ("KB", "MB", "GB", "TB"):
        if number < 1000:
            break
        number, unit = number / 1000, larger
    return f"{number:.0f} {unit}" if unit == "octets" or number >= 100 else f"{number:.1f} {unit}"


def count(number: int, one: str, many: str = "") -> str:
    """Write a number of things: `1 message`, `2 messages`; `many` where an s at the end does not do."""
    return f"{number} {one if number == 1 else many or one + 's'}"
