"""`popbridge account`: what its owner may say of one account."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from bridge.cli.account_add import add
from bridge.cli.administering import InOrder, administer, confirmed
from bridge.cli.settings import config_option
from bridge.config.problems import printable

Facts = Mapping[str, Any]


@click.group(
    "account", cls=InOrder, short_help="Believe that messages are gone; try a password again; forget, add an account."
)
@config_option
def command() -> None:
    """Say something about one account.

    NAME is the account's name in the configuration, or the id that it is remembered under.
    """


@command.command("accept", short_help="Believe that messages that went all at once are gone.")
@config_option
@click.argument("name", metavar="NAME")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def accept(name: str, as_json: bool) -> None:
    """Believe at once that what is missing from an account's mailboxes is gone.

    When many messages of a mailbox go at once, popbridge goes on listing them for an hour, in case that it was a
    mistake of the server. `status` names such mailboxes.
    """
    from bridge.cli import tables

    found = administer("account_accept", account=name)
    if as_json:
        tables.show_json(found)
    else:
        tables.show(_accepted(found))


def _accepted(found: Facts) -> Iterator[str]:
    account = f"account {printable(found['account'])}"
    if not found["mailboxes"]:
        yield f"{account}: nothing is missing from it that is doubted"
        return
    when = "at the look that is taken now" if found["running"] else "when popbridge runs and looks again"
    yield f"{account}: what is missing from {printable(', '.join(found['mailboxes']))} is believed to be gone, {when}"


@command.command("retry", short_help="Have a password tried again that its server refused.")
@config_option
@click.argument("name", metavar="NAME")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def retry(name: str, as_json: bool) -> None:
    """Have an account's password tried again that its server refused.

    A refused password is not tried again before it changes in the configuration, because providers lock accounts after
    a few wrong ones. This is for when it was put right on the provider's side.
    """
    from bridge.cli import tables

    found = administer("account_retry", account=name)
    if as_json:
        tables.show_json(found)
    else:
        when = "now" if found["running"] else "when popbridge runs"
        tables.show([f"account {printable(found['account'])}: its password is tried again {when}"])


@command.command("forget", short_help="Forget an account that is not in the configuration any more.")
@config_option
@click.argument("name", metavar="NAME")
@click.option("--yes", is_flag=True, help="Do not ask first, also on a terminal.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def forget(name: str, yes: bool, as_json: bool) -> None:
    """Take the messages of an account for gone, and call off what is still to be done there.

    For an account that is not in the configuration any more, or one that passthrough made, whose password is forgotten
    too. Unique-ids stay on record: if it comes back under the same id, no device sees a message twice.
    """
    from bridge.cli import tables

    confirmed(f"The messages of account {name} will be taken for gone. Go on?", yes)
    found = administer("account_forget", account=name)
    if as_json:
        tables.show_json(found)
    else:
        tables.show(_forgotten(found))


def _forgotten(found: Facts) -> Iterator[str]:
    from bridge.cli.tables import count

    account = f"account {printable(found['account'])}"
    if not found["mailboxes"]:
        yield f"{account}: there was nothing to forget"
        return
    messages, mailboxes = count(found["messages"], "message"), count(found["mailboxes"], "mailbox", "mailboxes")
    yield f"{account}: forgot {messages} in {mailboxes}"
    if found["intents"]:
        yield f"  {count(found['intents'], 'action')} still to be done there will not be done"


command.add_command(add)
