"""`popbridge config`: help with writing a configuration."""

import click


@click.group("config", short_help="Help with writing a configuration.")
def command() -> None:
    """Help with writing a configuration."""


@command.command("example")
def example() -> None:
    """Print a configuration to start from, with what every key means."""
    from bridge.config.describe import example

    click.echo(example(), nl=False)
