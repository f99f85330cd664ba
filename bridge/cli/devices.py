"""`popbridge devices`: how the devices are."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from bridge.cli.asking import VERSION, overview
from bridge.cli.settings import config_option, settings


@click.command("devices", short_help="Show the devices and their last sessions.")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(as_json: bool) -> None:
    """Show the devices, what they read, and their last sessions."""
    from bridge.cli import tables

    devices = overview(settings(secrets=False))["devices"]
    if as_json:
        tables.show_json({"version": VERSION, "devices": devices})
    else:
        tables.show(lines(devices))


def lines(devices: Sequence[Mapping[str, Any]]) -> list[str]:
    """Give the table of devices."""
    from bridge.cli.tables import table

    known = ("device", "login", "signs in by", "reads", "messages", "size")
    return table((*known, "hidden", "pending", "held", "tls", "last session"), map(_row, devices))


def _row(device: Mapping[str, Any]) -> tuple[object, ...]:
    from bridge.cli.tables import size

    return (
        device["name"],
        device["login"],
        _ways(device),
        ", ".join(device["sources"]),
        device["messages"],
        size(device["octets"]),
        device["hidden"],
        device["pending_intents"],
        device.get("held", 0),
        device.get("tls"),
        "now" if device["in_session"] else _last(device["last_session"]),
    )


def _ways(device: Mapping[str, Any]) -> str:
    """Tell how it may sign in, and mark a password that whoever reads the configuration and its keys can have."""
    ways = ", ".join(device.get("auth", ()))
    return f"{ways} (recoverable password)" if device.get("recoverable") else ways


def _last(session: Mapping[str, Any] | None) -> str:
    from bridge.cli.tables import moment

    if not session:
        return "never"
    return (
        f"{moment(session.get('ended'))} retr={session.get('retr')} dele={session.get('dele')} {session.get('reason')}"
    )
