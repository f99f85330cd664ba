"""`popbridge status`: what is going on."""

from collections.abc import Mapping, Sequence
from typing import Any

import click
import trio

from bridge.cli import accounts, devices
from bridge.cli.asking import overview, running
from bridge.cli.settings import config_option, settings
from bridge.model.settings import Settings

PAUSE = 2.0
"""Seconds between two looks with `--watch`."""


@click.command("status", short_help="Show what is going on.")
@config_option
@click.option("--watch", is_flag=True, help="Look again every 2 seconds, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(watch: bool, as_json: bool) -> None:
    """Show what waits for you, and the listeners, accounts, devices and counters of the running bridge.

    Where none runs, its database answers.
    """
    from bridge.cli import tables

    if watch and as_json:
        raise click.UsageError("--json prints one object; it does not go together with --watch.")
    loaded = settings(secrets=False)
    if watch:
        _watch(loaded)
    elif as_json:
        tables.show_json(overview(loaded))
    else:
        tables.show(lines(overview(loaded)))


def _watch(loaded: Settings) -> None:
    """Look again and again. Never at the database: that takes the lock a starting bridge needs."""
    from bridge.cli import tables

    while True:
        found = running(loaded)
        click.clear()  # does nothing off a terminal
        tables.show([*(lines(found) if found else ["popbridge is not running"]), ""])
        trio.run(trio.sleep, PAUSE)


def lines(found: Mapping[str, Any]) -> list[str]:
    """Give everything, each part below an empty line: what waits for the owner, then tables."""
    from bridge.cli.attention import attention
    from bridge.cli.tables import table

    sections = (
        [f"! {sentence}" for sentence in attention(found)],
        table(("listener", "tls", "profile", "offers", "certificates end"), map(_listener, found["listeners"])),
        passthrough(found.get("passthrough", ())),
        accounts.lines(found["accounts"]),
        devices.lines(found["devices"]),
        table(("counter", "value"), sorted(found["counters"].items())),
    )
    return [_headline(found), *(line for section in sections if section for line in ("", *section))]


def _listener(listener: Mapping[str, Any]) -> tuple[object, ...]:
    """A row. An older bridge tells less."""
    from bridge.cli.tables import moment

    profile = listener.get("tls_profile") if listener["tls"] != "none" else None
    ends = ", ".join(moment(one["ends"]) for one in listener.get("certificates", ()))
    return listener["address"], listener["tls"], profile, ", ".join(listener.get("auth", ())), ends


def passthrough(domains: Sequence[Mapping[str, Any]]) -> list[str]:
    """Give the table of domains whose logins pass through, none where there are none."""
    from bridge.cli.tables import table

    head = ("passthrough", "accounts", "devices", "running", "watched", "remembered", "wrong", "unreachable")
    return table(head, [tuple(one.get(key) for key in ("domain", *head[1:])) for one in domains]) if domains else []


def _headline(found: Mapping[str, Any]) -> str:
    from bridge.cli.tables import moment

    unmeasured = f"{found['unmeasured']} messages to measure"
    if not found["running"]:
        return f"popbridge is not running; this is what its database says: {unmeasured}"
    return f"popbridge is running since {moment(found['since'])}: {found['sessions']} sessions, {unmeasured}"
