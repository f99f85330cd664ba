"""`popbridge serve`: a bridge until SIGTERM, reloaded by SIGHUP."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import trio

from bridge.config import load
from bridge.model.settings import Settings
from bridge.serve.bridge import running_bridge
from bridge.serve.memory import give_back_large_blocks
from bridge.telemetry import configure, get_logger

log = get_logger("serve")


def run_serve(settings: Settings, config_path: Path, new_state: bool) -> int:
    """Run the bridge to its end and give the exit status. Raises `BridgeError`s when it cannot start."""
    # Whatever the umask of whoever starts us: state is for its owner alone.
    os.umask(0o077)
    give_back_large_blocks()
    configure(settings.server.log, settings.server.log_level)
    trio.run(_serve, settings, config_path, new_state, strict_exception_groups=True)
    return 0


async def _serve(settings: Settings, config_path: Path, new_state: bool) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        await _until_told(signals, settings, config_path, new_state)
    log.info("stopped")


async def _until_told(signals: AsyncIterator[int], settings: Settings, config_path: Path, new_state: bool) -> None:
    async with running_bridge(settings, new_state=new_state, load=lambda: load(config_path, environ=os.environ)) as on:
        async for number in signals:
            if number != signal.SIGHUP:
                return
            await on.reload()
