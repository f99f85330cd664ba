"""Carrying out an owner's commands: by the running bridge where there is one, else here, on its database."""

import sys
from dataclasses import replace
from functools import partial
from typing import Any

import click
import trio

from bridge.cli import doors
from bridge.cli.asking import VERSION
from bridge.cli.settings import keys, settings
from bridge.config.problems import printable
from bridge.model.failures import ConfigError
from bridge.model.settings import Settings


class InOrder(click.Group):
    """A group whose help has its commands in the order in which they were written down."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the names."""
        return list(self.commands)


def administer(command: str, **arguments: object) -> dict[str, Any]:
    """Carry out a command and give its facts, with `version` and whether a bridge is `running`.

    Raises `WrongRequest` for what makes no sense, else a `BridgeError` when it was not done. A bridge that runs and
    cannot be asked is one of these: nothing is then written behind its back.
    """
    return administer_with(settings(secrets=False), command, **arguments)


def administer_with(loaded: Settings, command: str, **arguments: object) -> dict[str, Any]:
    """Do the same with a configuration that was loaded already."""
    from bridge.control import ControlAbsent, ask

    try:
        found = trio.run(partial(ask, loaded.server.control, command, _report, **arguments))
    except ControlAbsent:
        alone = _alone(loaded, command)
        return {"version": VERSION, "running": False, **doors.administer_offline()(alone, command, arguments)}
    return {"version": VERSION, "running": True, **found}


def _alone(loaded: Settings, command: str) -> Settings:
    """Give the configuration with what a command needs that no popbridge carries out for it."""
    if command == "explain":
        return _with_secrets(loaded)
    if command in {"account_may_sign_in", "account_signed_in"}:
        return replace(loaded, server=replace(loaded.server, token_keys=keys()))
    return loaded


def _with_secrets(loaded: Settings) -> Settings:
    """Give the configuration with its passwords, as far as whoever gives the command may read them."""
    try:
        return settings()
    except ConfigError:
        return loaded


def _report(sentence: str) -> None:
    click.echo(printable(sentence), err=True)


def confirmed(question: str, yes: bool) -> None:
    """Have somebody at a terminal agree, unless `--yes` was given. Ends the command otherwise."""
    if not yes and sys.stdin.isatty():
        click.confirm(question, abort=True, err=True)
