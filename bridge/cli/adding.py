"""What adding an account and adding a device share: questions where a person is there, and how the result is told."""

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import click

from bridge.cli.asking import VERSION
from bridge.cli.settings import config_path
from bridge.config.editing import ConfigFile
from bridge.config.problems import printable, quoted
from bridge.model.failures import WrongRequest
from bridge.model.secret import Secret

Facts = Mapping[str, Any]

LONGEST_SECRET = 65_536
"""Octets of a password on stdin: as many as a file may have."""


def open_file(section: str, name: str) -> ConfigFile:
    """Open the configuration to add something. Raises `WrongRequest` where there is one of that name."""
    file = ConfigFile(config_path(), os.environ)
    accounts, devices = file.settings.accounts.values(), file.settings.devices.values()
    if name in ([each.name for each in accounts] if section == "account" else [each.name for each in devices]):
        raise WrongRequest(f"{section} {quoted(name)} is in {printable(str(file.path))} already")
    return file


def person() -> bool:
    """Tell whether somebody is there to be asked."""
    return sys.stdin.isatty()


def asked(given: str | None, question: str, proposal: str, option: str) -> str:
    """Give what was given as an option, else what a person answers, else what is proposed. Without any of these the
    command line is wrong.
    """
    if given is not None:
        return given
    if person():
        answer: str = click.prompt(question, default=proposal or None, err=True, type=str)
        return answer.strip()
    if not proposal:
        raise click.UsageError(f"nobody is there to be asked: give {option}")
    return proposal


def asked_for_some(given: Iterable[str], question: str, proposal: Iterable[str], option: str) -> list[str]:
    """Do the same for several, with blanks or commas between them."""
    found = list(given)
    return found or asked(None, question, " ".join(proposal), option).replace(",", " ").split()


def asked_for_secret(question: str) -> Secret:
    """Have a person type a secret, twice and hidden."""
    return Secret(click.prompt(question, hide_input=True, confirmation_prompt=True, err=True, type=str))


def secret_from_stdin() -> Secret:
    """Read a secret from stdin, one line."""
    octets = sys.stdin.buffer.read(LONGEST_SECRET)
    text = octets.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "surrogateescape")
    if not text or any(char in text for char in "\0\r\n"):
        raise click.UsageError("stdin must give one line that is not empty")
    return Secret(text)


def told(found: Facts, as_json: bool, lines: Callable[[Facts], Iterable[str]]) -> None:
    """Print what was added."""
    from bridge.cli import tables

    if as_json:
        tables.show_json({"version": VERSION, **found})
    else:
        tables.show([*lines(found), "a popbridge that runs takes it with `systemctl reload popbridge` (SIGHUP)"])
