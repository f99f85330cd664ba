"""`popbridge serve`: a bridge until SIGTERM, reloaded by SIGHUP."""

import os
import signal
from collections.abc import AsyncIterator

import trio

from bridge.model.settings import Settings
from bridge.serve.bridge import Load, running_bridge
from bridge.serve.memory import give_back_large_blocks, look_for_cycles_less_often
from bridge.telemetry import configure, get_logger

log = get_logger("serve")


def run_serve(settings: Settings, load: Load, new_state: bool) -> int:
    """Run the bridge to its end and give the exit status; `load` reads the configuration again.

    Raises `BridgeError`s when it cannot start.
    """
    # Whatever the umask of whoever starts us: state is for its owner alone.
    os.umask(0o077)
    give_back_large_blocks()
    look_for_cycles_less_often()
    configure(settings.server.log, settings.server.log_level)
    trio.run(_serve, settings, load, new_state)
    return 0


async def _serve(settings: Settings, load: Load, new_state: bool) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        await _until_told(signals, settings, load, new_state)
    log.info("stopped")


async def _until_told(signals: AsyncIterator[int], settings: Settings, load: Load, new_state: bool) -> None:
    async with running_bridge(settings, new_state=new_state, load=load) as on:
        async for number in signals:
            if number != signal.SIGHUP:
                return
            await on.reload()
