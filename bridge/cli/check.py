"""`popbridge check`: is the configuration right?"""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import click

from bridge.cli import doors
from bridge.cli.administering import administer_with
from bridge.cli.listener_notes import listener_notes
from bridge.cli.settings import config_option, config_path, settings
from bridge.config.advice import advice
from bridge.config.exposed import exposed
from bridge.config.problems import dotted, printable
from bridge.config.weaknesses import weaknesses
from bridge.model.failures import BridgeError, ConfigError
from bridge.model.settings import ListenerSettings, Settings


@click.command("check", short_help="Tell every mistake in the configuration.")
@config_option
@click.option("--connect", is_flag=True, help="Sign in to every account, and tell what its server offers.")
@click.pass_context
def command(ctx: click.Context, connect: bool) -> None:
    """Tell every mistake in the configuration, or what it configures.

    Secrets and certificates are read as `serve` would read them. Nothing is changed, here or upstream. A line that
    begins with `note:` tells of what is allowed, and will hardly do what is wanted, or is weak.
    """
    loaded = settings()
    if problems := list(_unusable(loaded)):
        raise ConfigError([f"{config_path()}: {problem}" for problem in problems])
    advised = (*advice(loaded), *weaknesses(loaded), *exposed(config_path()))
    notes = (*listener_notes(loaded, time.time()), *advised)
    for line in (*_summary(loaded), *(f"note: {sentence}" for sentence in notes)):
        click.echo(printable(line))
    if connect and not _connected(loaded):
        ctx.exit(1)


def _unusable(loaded: Settings) -> Iterator[str]:
    """Find certificates and keys that are there and cannot be used: they do not fit each other, or are none."""
    from bridge.net.tls import ServerTls, client_context
    from bridge.oauth.assertions import key_problem

    for position, listener in enumerate(loaded.listeners, 1):
        if listener.tls == "none":
            continue
        try:
            ServerTls(listener)
        except BridgeError as failure:
            yield f"listener.{position}: {failure}"
    for account in loaded.accounts.values():
        try:
            client_context(account.ca_file)
        except BridgeError as failure:
            yield f"account.{account.name}.ca_file: {failure}"
        if account.oauth is not None and account.oauth.key.reveal() and (problem := key_problem(account.oauth)):
            yield f"account.{account.name}.oauth: {problem}"
    for passed in loaded.passthrough.values():
        try:
            client_context(passed.account.ca_file)
        except BridgeError as failure:
            yield f"{dotted(('passthrough', passed.domain, 'ca_file'))}: {failure}"


def _summary(loaded: Settings) -> Iterator[str]:
    yield f"{config_path()} is right"
    for listener in loaded.listeners:
        profile = f" tls_profile={listener.tls_profile}" if listener.tls != "none" else ""
        yield f"listener {_place(listener)} tls={listener.tls}{profile} plaintext_login={listener.plaintext_login}"
    for account in loaded.accounts.values():
        token = f" token={account.oauth.authority} flow={account.oauth.flow}" if account.oauth else ""
        yield f"account {account.name}: {account.user} at {account.host} port {account.port} tls={account.tls}{token}"
    for passed in loaded.passthrough.values():
        place = f"{passed.account.host} port {passed.account.port} tls={passed.account.tls}"
        yield f"passthrough {passed.domain}: at {place} remember={str(passed.remember).lower()}"
    names = {account.id: account.name for account in loaded.accounts.values()}
    for device in loaded.devices.values():
        sources = ", ".join(f"{names[source.account]}/{source.mailbox}" for source in device.sources)
        yield f"device {device.name}: login {device.login} reads {sources}"


def _place(listener: ListenerSettings) -> str:
    if listener.systemd:
        return f"systemd:{listener.systemd}"
    return f"[{listener.host}]:{listener.port}" if ":" in listener.host else f"{listener.host}:{listener.port}"


def _connected(loaded: Settings) -> bool:
    fine = True
    for found in _probes(loaded):
        fine = fine and bool(found["ok"])
        click.echo(printable(f"account {found['account']}: {'ok' if found['ok'] else 'failed'}"))
        for line in found["lines"]:
            click.echo(f"  {printable(line)}")
    return fine


def _probes(loaded: Settings) -> Iterator[Mapping[str, Any]]:
    """Sign in to each account. Tokens that are kept are the running bridge's, or lie in its database."""
    yield from doors.probe_accounts()(loaded)
    for account in loaded.accounts.values():
        if account.oauth is not None and not account.oauth.unattended:
            try:
                yield administer_with(loaded, "account_probe", account=account.name)
            except BridgeError as failure:
                sentence = f"its token is not to be had: {failure}; `popbridge login {account.name}` signs in"
                yield {"account": account.name, "ok": False, "lines": [sentence]}
