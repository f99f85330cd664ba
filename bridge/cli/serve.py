"""`popbridge serve`: the bridge itself."""

import os

import click

from bridge.cli import doors
from bridge.cli.settings import config_option, config_path, settings
from bridge.config import load


@click.command("serve", short_help="Run the bridge.")
@config_option
@click.option("--new-state", is_flag=True, help="Start empty although there was a database here before.")
@click.pass_context
def command(ctx: click.Context, new_state: bool) -> None:
    """Run the bridge until SIGTERM.

    SIGHUP reads the configuration again; a wrong one changes nothing. Logs go to stderr.
    """
    path = config_path()
    ctx.exit(doors.run_serve()(settings(), lambda: load(path, environ=os.environ), new_state))
