"""`popbridge login`: sign an account in by token."""

import os
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click
import trio

from bridge.cli import doors
from bridge.cli.administering import administer_with
from bridge.cli.asking import VERSION
from bridge.cli.settings import config_option, config_path, keys, settings
from bridge.config.problems import printable
from bridge.model.failures import ConfigError, WrongRequest
from bridge.model.oauth import OAuthSettings
from bridge.model.settings import AccountSettings, Settings

if TYPE_CHECKING:
    from bridge.oauth import DeviceCode, Granted, Return


LONGEST_LINE = 16 * 1024
"""Characters of what is pasted: addresses with Microsoft's codes have 2,000."""


@click.command("login", short_help="Sign an account in by token (OAuth).")
@config_option
@click.argument("account", metavar="ACCOUNT")
@click.option("--paste", "way", flag_value="paste", help="Paste the address that the browser ends at.")
@click.option("--loopback", "way", flag_value="loopback", help="Wait for the browser at a port of this machine.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def command(ctx: click.Context, account: str, way: str | None, as_json: bool) -> None:
    """Sign an account in whose configuration has `oauth`.

    Depending on its flow this shows a code to type into a browser anywhere, or an address to open, or asks
    nobody. What is to be done is written to stderr. The tokens are kept in the database, encrypted, and used at
    once by a popbridge that runs. Then the mailbox is opened with them, to see that it works.

    With flow = "browser" the browser comes back to a port of this machine; without a terminal, or over SSH, the
    address that it ends at is pasted instead.
    """
    from bridge.cli import tables

    loaded = settings(secrets=False)
    chosen, oauth = _account(account, loaded)
    keep = not oauth.unattended or _keyed()
    if keep:
        administer_with(loaded, "account_may_sign_in", account=chosen.name)
    granted = doors.sign_in_account()(loaded, chosen, oauth, _Terminal(chosen), _way(way))
    found = {"version": VERSION, "running": None, "kept": keep, **_told(chosen, oauth, granted)}
    if keep:
        tokens = granted.tokens.text().reveal()
        done = administer_with(loaded, "account_signed_in", account=chosen.name, tokens=tokens)
        found["running"] = done["running"]
    found["mailbox"] = doors.opened()(loaded, chosen, granted.tokens.access)._asdict()
    if as_json:
        tables.show_json(found)
    else:
        tables.show(_lines(found))
    if not found["mailbox"]["ok"]:
        ctx.exit(1)


def _account(name: str, loaded: Settings) -> tuple[AccountSettings, OAuthSettings]:
    """Give the account, and how it signs in. No other secrets are read: they may be for the service alone."""
    from bridge.config import load_oauth
    from bridge.serve.known import find_account

    found = find_account(name, loaded, ()).settings
    assert found is not None, "only those of the configuration were looked at"
    oauth = load_oauth(config_path(), environ=os.environ, account=found.name)
    if oauth is None:
        raise WrongRequest(f"account {found.name} signs in with a password: to sign in by token, give it `oauth`")
    return found, oauth


def _keyed() -> bool:
    """Tell whether there is a key to keep tokens with; one that cannot be read here is the service's."""
    try:
        return bool(keys())
    except ConfigError:
        return True


def _way(chosen: str | None) -> "Return":
    """Over SSH the browser is on another machine, and without a terminal nobody could be asked to look at this one."""
    if chosen is not None:
        return "paste" if chosen == "paste" else "loopback"
    return "loopback" if sys.stdin.isatty() and not os.environ.get("SSH_CONNECTION") else "paste"


def _told(account: AccountSettings, oauth: OAuthSettings, granted: "Granted") -> dict[str, Any]:
    return {
        "account": account.name,
        "provider": oauth.authority,
        "flow": oauth.flow,
        "user": account.user,
        "signed_in_as": list(granted.names),
        "another": _another(account.user, granted.names),
        "renewable": oauth.unattended or bool(granted.tokens.refresh.reveal()),
        "expires_at": granted.tokens.expires_at or None,
        "scope": granted.tokens.scope or oauth.scope,
    }


def _another(user: str, names: tuple[str, ...]) -> bool:
    """Tell whether somebody else signed in than the account's user, which may have no domain."""
    known = {name.casefold() for name in names}
    known |= {name.partition("@")[0] for name in known} if "@" not in user else set()
    return bool(known) and user.casefold() not in known


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    name = printable(found["account"])
    yield f"account {name}: signed in{' as ' + printable(found['signed_in_as'][0]) if found['signed_in_as'] else ''}"
    if found["another"]:
        yield f"  ! the account's user is {printable(found['user'])}: was that the right one?"
    if not found["renewable"]:
        yield "  ! the server gave nothing to renew the token with: it will have to be signed in again. Check scope"
    if found["kept"]:
        yield f"  the tokens are kept, encrypted{', and used from now on' if found['running'] else ''}"
    else:
        yield "  nothing is kept: popbridge asks for a token when it needs one"
    yield f"  {'' if found['mailbox']['ok'] else '! '}{printable(found['mailbox']['note'])}"


class _Terminal:
    """Whoever gave the command, told on stderr: stdout is for what came of it."""

    def __init__(self, account: AccountSettings) -> None:
        self._account = account

    def use_code(self, code: "DeviceCode") -> None:
        """Tell which page to open, and the code for it."""
        self._say(
            f"To sign in {self._account.user}, open this page in a browser, on any machine:", "", f"    {code.uri}"
        )
        self._say("", f"and type this code there:  {code.user_code}")
        if code.complete:
            self._say("", "Or open this one, which has the code in it:", "", f"    {code.complete}")
        self._say("", f"Waiting for that, {_minutes(code.seconds)} at most. Ctrl-C ends it.")

    def open_address(self, address: str, way: "Return") -> None:
        """Tell which page to open."""
        where = "on this machine" if way == "loopback" else "on any machine"
        self._say(f"To sign in {self._account.user}, open this page in a browser {where}:", "", f"    {address}", "")
        if way == "loopback":
            self._say("Waiting for that, 10 minutes at most. Ctrl-C ends it.")
            return
        self._say(
            "When you have signed in, the browser is sent to an address where nothing answers. Paste that whole",
            "address here, from the browser's address bar (it begins with http and has code= in it):",
        )

    def not_taken(self, why: str) -> None:
        """Tell that what was pasted is no answer."""
        self._say(f"That was not taken: {why}. Paste the whole address, once more:")

    async def paste(self) -> str:
        """Read a line from stdin. Cancelled, the line goes to nobody."""
        return await trio.to_thread.run_sync(sys.stdin.readline, LONGEST_LINE, abandon_on_cancel=True)

    def _say(self, *lines: str) -> None:
        for line in lines:
            click.echo(printable(line), err=True)


def _minutes(seconds: float) -> str:
    return f"{round(seconds / 60)} minutes" if seconds >= 120 else f"{round(seconds)} seconds"
