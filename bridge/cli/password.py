"""`popbridge password`: a device's `password_hash`."""

import os
import sys

import click

from bridge.cli.settings import config_option, config_path
from bridge.config.generating import ALPHABETS, Generated
from bridge.config.generating import DEFAULT as DEFAULT_ALPHABET
from bridge.config.generating import generate as generate_password
from bridge.model.failures import BridgeError
from bridge.model.secret import Secret

LONGEST = 248
"""Octets a device can send: a command line of 255 (RFC 2449 §4) less `PASS`, a blank and CRLF."""


class UnusablePassword(BridgeError):
    """No device could log in with it."""


@click.command("password", short_help="Print a device's password_hash.")
@config_option
@click.option("--generate", is_flag=True, help="Make a password up, and print it to stderr.")
@click.option("--length", metavar="N", type=click.IntRange(1, LONGEST), help="With so many characters.")
@click.option(
    "--alphabet",
    metavar="NAME",
    type=click.Choice(list(ALPHABETS)),
    help=f"Of which characters: {', '.join(ALPHABETS)}.  [default: {DEFAULT_ALPHABET}]",
)
@click.option("--scram", is_flag=True, help="Add what SCRAM-SHA-256 and SCRAM-SHA-1 need, as a list.")
@click.option("--recoverable", metavar="LOGIN", help="Seal the password itself, for the device of that login.")
def command(generate: bool, length: int | None, alphabet: str | None, scram: bool, recoverable: str | None) -> None:
    """Print the password_hash for a device's password.

    The password is read from stdin; on a terminal it is asked for twice and not shown. Only the hash is printed
    to stdout. With --generate a password is made up and printed to stderr, once: it is kept nowhere.

    What is made up can be typed on an old device: easy has small letters and digits that look like nothing else,
    digits is for keypads, keypad for the letters on them that take one press, lower has small letters, mixed capitals
    too. It is as long as it must be, unless --length says otherwise; what would be guessed is refused.

    CRAM-MD5 and APOP need the password itself. With --recoverable it is sealed with the first key of token_key_… of
    the configuration, and every way to log in can be checked with that. LOGIN is the device's, which it is bound to.
    """
    if scram and recoverable is not None:
        raise click.UsageError("--recoverable will do for SCRAM too: leave --scram out")
    if not generate and (length or alphabet):
        raise click.UsageError("--length and --alphabet are for what --generate makes up")
    made = _made(alphabet, length) if generate else None
    kept = _kept(made.password if made else _asked(), scram, recoverable)
    if made:
        click.echo(f"password: {made.password.reveal()}", err=True)
        click.echo(f"strength: {made.bits} bits{made.warning and f'; {made.warning}'}", err=True)
    click.echo(kept)


def _made(alphabet: str | None, length: int | None) -> Generated:
    try:
        return generate_password(alphabet or DEFAULT_ALPHABET, length)
    except ValueError as refused:
        raise UnusablePassword(str(refused)) from None


def _kept(password: Secret, scram: bool, recoverable: str | None) -> str:
    """Give the value of `password_hash`: a text without its quotes, or a list with them."""
    from bridge.config import hash_password, load_keys
    from bridge.config.tables import as_toml
    from bridge.config.verifiers import make_verifier, seal_password

    if recoverable is not None:
        return seal_password(password, recoverable, load_keys(config_path(), environ=os.environ))
    if not scram:
        return hash_password(password)
    try:
        return as_toml([hash_password(password), make_verifier("SHA-256", password), make_verifier("SHA-1", password)])
    except ValueError as refused:
        raise UnusablePassword(str(refused)) from None


def _asked() -> Secret:
    if sys.stdin.isatty():
        text = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True, type=str)
    else:
        # As octets: a device sends whatever its keyboard made, which need not be UTF-8.
        octets = sys.stdin.buffer.read(2 * LONGEST)
        text = octets.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "surrogateescape")
    return _usable(text)


def _usable(text: str) -> Secret:
    if not text:
        raise UnusablePassword("the password is empty: give it on stdin, one line")
    if any(char in text for char in "\0\r\n"):
        raise UnusablePassword("the password must be one line, without NUL")
    if len(text.encode("utf-8", "surrogateescape")) > LONGEST:
        raise UnusablePassword(f"the password is longer than the {LONGEST} octets a device can send")
    return Secret(text)
