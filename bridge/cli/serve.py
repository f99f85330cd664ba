"""`popbridge serve`: the bridge itself."""

import click

from bridge.cli import doors
from bridge.cli.settings import config_option, config_path, settings


@click.command("serve", short_help="Run the bridge.")
@config_option
@click.option("--new-state", is_flag=True, help="Start empty although there was a database here before.")
@click.pass_context
def command(ctx: click.Context, new_state: bool) -> None:
    """Run the bridge until SIGTERM.

    SIGHUP reads the configuration again; a wrong one changes nothing. Logs go to stderr.
    """
    loaded = settings()
    ctx.exit(doors.run_serve()(loaded, config_path(), new_state))
