"""`popbridge device`: what is remembered of one device, and what its owner may change of that."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import click

from bridge.cli.administering import InOrder, administer, confirmed
from bridge.cli.device_add import add
from bridge.cli.device_import import import_uidls
from bridge.cli.settings import config_option

Facts = Mapping[str, Any]

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask first, also on a terminal.")
name_argument = click.argument("name", metavar="NAME")


@click.group("device", cls=InOrder, short_help="Look at a device; undo, confirm, reset, forget what it did; add one.")
@config_option
def command() -> None:
    """Look at one device, and change what is remembered of it.

    NAME is the device's name in the configuration, or the id that it is remembered under.
    """


def _tell(found: Facts, as_json: bool, lines: Callable[[Facts], Iterable[str]]) -> None:
    from bridge.cli import tables

    if as_json:
        tables.show_json(found)
    else:
        tables.show(lines(found))


@command.command("show", short_help="What a device was shown, did, and waits for.")
@config_option
@name_argument
@json_option
def show(name: str, as_json: bool) -> None:
    """Show what is configured and remembered of a device: what it was shown, what it did, and what waits."""
    from bridge.cli.device_texts import shown

    _tell(administer("device_show", device=name), as_json, shown)


@command.command("reset", short_help="Show a device everything again.")
@config_option
@name_argument
@click.option("--since", metavar="AGE", help="Only what is not older, such as 30d; older messages are hidden.")
@yes_option
@json_option
def reset(name: str, since: str | None, yes: bool, as_json: bool) -> None:
    """Show a device again what is still upstream, numbered anew, whatever it has deleted or fetched.

    Unique-ids stay what they were. What it deleted and what is not done upstream yet is called off.
    """
    from bridge.cli.device_texts import reset_done

    age = _age(since)
    confirmed(f"Device {name} will be shown {_what(since)} again. Go on?", yes)
    _tell(administer("device_reset", device=name, since=age), as_json, reset_done)


def _what(since: str | None) -> str:
    return "everything that is still upstream" if since is None else f"everything not older than {since}"


def _age(since: str | None) -> float | None:
    from bridge.config.values import Wrong, duration

    if since is None:
        return None
    try:
        return duration(0)(since)
    except Wrong as wrong:
        raise click.BadParameter(f"{wrong}", param_hint="--since") from None


@command.command("undo", short_help="Undo a device's last sessions.")
@config_option
@name_argument
@click.option(
    "--sessions",
    metavar="N",
    type=click.IntRange(1, 10_000),
    default=1,
    show_default=True,
    help="How many of its last sessions that deleted or hid something.",
)
@json_option
@click.pass_context
def undo(ctx: click.Context, name: str, sessions: int, as_json: bool) -> None:
    """Undo what a device's last sessions deleted.

    The messages are shown to it again; what was not done upstream yet is called off; what was moved to an archive or
    to the trash is moved back. A message that was expunged cannot come back: it is named, and the status is 1.
    """
    from bridge.cli.device_texts import undone

    found = administer("device_undo", device=name, sessions=sessions)
    _tell(found, as_json, undone)
    if found["lost"]:
        ctx.exit(1)


@command.command("confirm", short_help="Let deletions be done that were held back.")
@config_option
@name_argument
@yes_option
@json_option
def confirm(name: str, yes: bool, as_json: bool) -> None:
    """Let a device's deletions be carried out upstream that `max_deletes` held back.

    On a terminal it is told first how many there are, and asked. They can be undone until their time has come.
    """
    from bridge.cli.device_texts import confirmed_now, to_confirm

    if not yes:
        to_confirm(name)
    _tell(administer("device_confirm", device=name), as_json, confirmed_now)


@command.command("forget", short_help="Forget a device.")
@config_option
@name_argument
@yes_option
@json_option
def forget(name: str, yes: bool, as_json: bool) -> None:
    """Forget what a device was shown and did, as if it had never been there.

    What it was promised at QUIT is done all the same. It holds back no deletion of other devices any more. If it is
    still in the configuration, its next login is its first.
    """
    from bridge.cli.device_texts import forgotten

    confirmed(f"Everything remembered of device {name} will be forgotten. Go on?", yes)
    _tell(administer("device_forget", device=name), as_json, forgotten)


command.add_command(add)
command.add_command(import_uidls)
