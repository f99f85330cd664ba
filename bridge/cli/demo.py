"""`popbridge demo`: everything on this machine, to try it out."""

import click

from bridge.cli import doors


@click.command("demo", short_help="Try it: an upstream with mail, the bridge, and a device.")
@click.option(
    "--listen", metavar="HOST:PORT", default="127.0.0.1:1100", show_default=True, help="Where devices connect."
)
@click.option("--once", is_flag=True, help="End after showing one device's session.")
@click.pass_context
def command(ctx: click.Context, listen: str, once: bool) -> None:
    """Start an upstream with believable mail and the bridge, show a device's session, and wait for yours.

    If the port is taken, the next free one is used. Nothing is kept.
    """
    host, port = _address(listen)
    ctx.exit(doors.run_demo()(host, port, once))


def _address(listen: str) -> tuple[str, int]:
    from bridge.config.values import Wrong, tcp_address

    try:
        address = tcp_address(listen)
    except Wrong as wrong:
        raise click.BadParameter(str(wrong), param_hint="--listen") from None
    return address.host, address.port
