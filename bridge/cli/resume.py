"""`popbridge resume`: go on after a backup was restored."""

from collections.abc import Mapping
from typing import Any

import click

from bridge.cli.administering import administer
from bridge.cli.settings import config_option


@click.command("resume", short_help="Go on with upstream actions after a backup was restored.")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(as_json: bool) -> None:
    """Let promised actions be carried out upstream again after a backup was restored.

    A restored database promises what may have been done, undone or changed since the backup was taken. So popbridge
    holds all of it until its owner has looked: `popbridge devices` tells how much is pending.
    """
    from bridge.cli import tables

    found = administer("resume")
    if as_json:
        tables.show_json(found)
    else:
        tables.show([_line(found)])


def _line(found: Mapping[str, Any]) -> str:
    from bridge.cli.tables import count

    if not found["restored"]:
        return "there is nothing to resume: no backup was restored, and nothing is held back for that"
    actions = count(found["released"], "action")
    return f"popbridge takes this database for the right one from now on: {actions} promised to devices will be done"
