"""The group of all commands, and how failures end one."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from typing import Any, NoReturn

import click

import bridge
from bridge.cli.settings import config_option
from bridge.config.problems import printable
from bridge.model.failures import BridgeError, ConfigError, WrongRequest

COMMANDS = (
    "demo",
    "serve",
    "check",
    "config",
    "password",
    "certificate",
    "status",
    "devices",
    "device",
    "accounts",
    "account",
    "login",
    "explain",
    "resume",
    "backup",
)
"""Each is `command` in the module of its name."""


FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What writing to a full disk fails with; where the file has no name, it is stdout."""


class Commands(click.Group):
    """Loads a command's module when it is asked for, and turns failures into a sentence and an exit status."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the names in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"bridge.cli.{cmd_name}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except click.Abort:
            ctx.exit(1)  # click would say "Aborted!" to somebody who knows, having pressed Ctrl-C
        except (BridgeError, OSError, KeyboardInterrupt, BaseExceptionGroup) as failure:
            _end(ctx, failure)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@config_option
@click.version_option(bridge.__version__, prog_name="popbridge")
def popbridge() -> None:
    """Lets devices that only speak POP3 read mail that lives in IMAP accounts."""


def _end(ctx: click.Context, failure: BaseException) -> NoReturn:
    """Exit with the sentences of what was raised on purpose; anything else is a bug and keeps its traceback."""
    leaves = list(_leaves(failure))
    if any(isinstance(leaf, KeyboardInterrupt) for leaf in leaves):
        ctx.exit(1)
    sentences = [_sentence(leaf) for leaf in leaves]
    if not all(sentences):
        raise failure
    if any(_of_stdout(leaf) for leaf in leaves):
        _let_go_of_stdout()
    for sentence in dict.fromkeys(sentences):
        click.echo(sentence, err=True)
    ctx.exit(2 if any(isinstance(leaf, ConfigError | WrongRequest) for leaf in leaves) else 1)


def _leaves(failure: BaseException) -> Iterator[BaseException]:
    """Give what is in an exception group, however deep; trio's nurseries make them."""
    if isinstance(failure, BaseExceptionGroup):
        for inner in failure.exceptions:
            yield from _leaves(inner)
    else:
        yield failure


def _sentence(failure: BaseException) -> str:
    if isinstance(failure, ConfigError):
        return str(failure)
    if isinstance(failure, BridgeError):
        return f"popbridge: {printable(str(failure))}"
    if isinstance(failure, OSError) and failure.filename is not None:
        return f"popbridge: {failure.filename}: {failure.strerror}"
    if isinstance(failure, OSError) and _of_stdout(failure):
        return f"popbridge: {failure.strerror}, where the output goes"
    return ""


def _of_stdout(failure: BaseException) -> bool:
    return isinstance(failure, OSError) and failure.filename is None and failure.errno in FULL


def _let_go_of_stdout() -> None:
    """See to it that Python does not try at its end what was just tried: it would fail with words and a status of its
    own.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with suppress(OSError, ValueError):  # what has no descriptor is not the process's own
        os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
