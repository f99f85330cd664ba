"""Commands while no popbridge runs: the state is held for as long as one takes, so nothing else writes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import trio

from bridge.model.failures import StoreLocked
from bridge.model.settings import Settings
from bridge.serve.admin import Administration, Facts
from bridge.serve.progress import unwatched
from bridge.serve.requests import carry_out
from bridge.store import must_exist, open_store
from bridge.telemetry import configure


def administer_offline(settings: Settings, command: str, arguments: Mapping[str, Any]) -> Facts:
    """Carry out one command on the database. Raises as `carry_out`, and `StoreLocked` when a popbridge holds it."""
    configure("console", "warning")  # to stderr: stdout is the command's
    return trio.run(_administer, settings, command, arguments)


async def _administer(settings: Settings, command: str, arguments: Mapping[str, Any]) -> Facts:
    must_exist(Path(settings.server.state_dir))
    try:
        async with open_store(settings.server.state_dir) as store:
            return await carry_out(Administration(store, settings), command, arguments, unwatched)
    except StoreLocked as failure:
        raise StoreLocked(
            f"{failure}, and none answers at {settings.server.control}: if it runs with another configuration, name"
            " that with --config; else end it first"
        ) from failure
