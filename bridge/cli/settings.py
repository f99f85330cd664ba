"""Which configuration a command works with."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from bridge.model.secret import Secret
from bridge.model.settings import Settings

DEFAULT = Path("/etc/popbridge/popbridge.toml")
VARIABLE = "POPBRIDGE_CONFIG"

_CHOSEN = "popbridge.config"

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def config_option(command: Decorated) -> Decorated:
    """Give a command `--config`. It may stand before and behind the command's name; the last one counts."""
    option = click.option(
        "--config",
        metavar="FILE",
        type=click.Path(path_type=Path),
        expose_value=False,
        callback=_remember,
        help=f"The configuration. Default: ${VARIABLE}, else {DEFAULT}.",
    )
    return option(command)


def _remember(ctx: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None:
        ctx.meta[_CHOSEN] = value


def config_path() -> Path:
    """Give the path of the configuration that was asked for."""
    chosen = click.get_current_context().meta.get(_CHOSEN)
    return Path(chosen or os.environ.get(VARIABLE) or DEFAULT)


def settings(*, secrets: bool = True) -> Settings:
    """Load the configuration that was asked for. Raises `ConfigError`; see `bridge.config.load` for `secrets`."""
    from bridge.config import load

    return load(config_path(), environ=os.environ, secrets=secrets)


def keys() -> tuple[Secret, ...]:
    """Give the keys of `[server]` alone. Raises `ConfigError`, also for keys that only the service can read."""
    from bridge.config import load_keys

    return load_keys(config_path(), environ=os.environ)
