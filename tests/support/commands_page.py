"""docs/commands.md and the commands themselves: what `--help` says, and writing it into the page anew.

`python -m tests.support.commands_page` writes it, after a command's help has changed.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import click

from bridge.cli.app import popbridge

PAGE = Path(__file__).parent.parent.parent / "docs" / "commands.md"

WIDTH = 100
"""Columns of the page's help: as wide as popbridge writes it in a wide terminal."""

_HELP = re.compile(r"(<!-- help: ([a-z -]+) -->\n```text\n)(.*?)(```\n<!-- /help -->\n)", re.DOTALL)


def commands(group: click.Group = popbridge, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Give every command by the words that it is asked for with, groups too, in the order of the help."""
    context = click.Context(group)
    for name in group.list_commands(context):
        here = (*path, name)
        yield here
        found = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from commands(found, here)


def help_of(path: tuple[str, ...]) -> str:
    """Give what a command's `--help` prints."""
    settings = popbridge.context_settings
    context = click.Context(popbridge, info_name="popbridge", terminal_width=WIDTH, **settings)
    command: click.Command = popbridge
    for name in path:
        assert isinstance(command, click.Group)
        found = command.get_command(context, name)
        assert found is not None, name
        command, context = found, click.Context(found, parent=context, info_name=name)
    return f"{command.get_help(context)}\n"


def told(page: str) -> dict[tuple[str, ...], str]:
    """Give the help that a page has, by command."""
    return {tuple(found[2].split()): found[3] for found in _HELP.finditer(page)}


def section(page: str, path: tuple[str, ...]) -> str:
    """Give what a page says of a command: from its heading to the next."""
    found = re.search(rf"^## `popbridge {' '.join(path)}`$\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    return found[1] if found else ""


def written_anew(page: str) -> str:
    """Give the page with the help of today."""
    return _HELP.sub(lambda found: f"{found[1]}{help_of(tuple(found[2].split()))}{found[4]}", page)


if __name__ == "__main__":
    PAGE.write_text(written_anew(PAGE.read_text()))
