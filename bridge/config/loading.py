"""From a file to settings."""

from collections.abc import Mapping
from pathlib import Path

from bridge.model.settings import Settings


def load(path: Path, *, environ: Mapping[str, str], secrets: bool = True) -> Settings:
    """Read the configuration at `path`.

    With `secrets=False` no other file is opened and no command run, so passwords are empty: for commands
    that only need to know where the state and the control socket are.

    Raises `ConfigError` with every mistake found, as `FILE:LINE: table.key: what is wrong`. Blocks, at most
    10 s for each `password_command`.
    """
    raise NotImplementedError
