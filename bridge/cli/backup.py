"""`popbridge backup`: a consistent copy of the database, while popbridge runs or not."""

from pathlib import Path
from typing import Any

import click

from bridge.cli.administering import administer_with
from bridge.cli.settings import config_option, settings
from bridge.config.problems import printable
from bridge.model.settings import Settings


@click.command("backup", short_help="Write a consistent copy of the database.")
@config_option
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(file: Path, as_json: bool) -> None:
    """Write a consistent copy of the database to FILE, which must not be there yet, for its owner alone.

    popbridge may run meanwhile. To restore it, stop popbridge and put the copy in the place of popbridge.sqlite3 in the
    state directory, without a -wal and a -shm file beside it; then start popbridge, look, and `popbridge resume`.
    """
    from bridge.cli import tables

    found = _backup(settings(secrets=False), Path.cwd() / file)
    if as_json:
        tables.show_json(found)
    else:
        tables.show([f"{printable(found['file'])}: {tables.size(found['octets'])}, a copy of popbridge's database"])


def _backup(loaded: Settings, target: Path) -> dict[str, Any]:
    """A running bridge leaves the copy in its state directory, for it may be kept from writing anywhere else."""
    from bridge.store import must_be_free, take_over

    must_be_free(target)
    found = administer_with(loaded, "backup")
    take_over(Path(found["file"]), target)
    return {**found, "file": str(target), "octets": target.stat().st_size}
