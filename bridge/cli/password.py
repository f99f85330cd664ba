"""`popbridge password`: a device's `password_hash`."""

import sys

import click

from bridge.model.failures import BridgeError
from bridge.model.secret import Secret

LONGEST = 248
"""Octets a device can send: a command line of 255 (RFC 2449 §4) less `PASS`, a blank and CRLF."""


class UnusablePassword(BridgeError):
    """No device could log in with it."""


@click.command("password", short_help="Print a device's password_hash.")
@click.option("--generate", is_flag=True, help="Make a password up, and print it to stderr.")
def command(generate: bool) -> None:
    """Print the password_hash for a device's password.

    The password is read from stdin; on a terminal it is asked for twice and not shown. Only the hash is printed
    to stdout. With --generate a password is made up and printed to stderr, once: it is kept nowhere.
    """
    from bridge.config.passwords import generate_password, hash_password

    password = generate_password() if generate else _asked()
    hashed = hash_password(password)
    if generate:
        click.echo(f"password: {password.reveal()}", err=True)
    click.echo(hashed)


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
