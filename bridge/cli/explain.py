"""`popbridge explain`: what became of one message for one device."""

import click

from bridge.cli.administering import administer
from bridge.cli.settings import config_option


@click.command("explain", short_help="Tell what became of a message for a device.")
@config_option
@click.argument("device", metavar="DEVICE")
@click.argument("message", metavar="UIDL|MESSAGE-ID")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def command(ctx: click.Context, device: str, message: str, as_json: bool) -> None:
    """Tell what became of a message for a device, and why it is shown or is not.

    The message is named by the unique-id that the device knows, or by its Message-ID; that is looked up upstream. The
    status is 1 when nothing is known of it.
    """
    from bridge.cli import tables
    from bridge.cli.explain_texts import explained

    found = administer("explain", device=device, what=message)
    if as_json:
        tables.show_json(found)
    else:
        tables.show(explained(found))
    if not found["entries"]:
        ctx.exit(1)
