"""The one guard for long-lived tasks: what one of them raises never ends the others."""

from collections.abc import Awaitable, Callable
from typing import TypeVarTuple

from bridge.telemetry import get_logger

log = get_logger("guard")

Ts = TypeVarTuple("Ts")


async def run_guarded(name: str, run: Callable[[*Ts], Awaitable[None]], *args: *Ts) -> None:
    """Run a task to its end. An exception is logged, one line for each that a group holds, and goes no further;
    `Cancelled` and everything else that is no `Exception` passes.
    """
    try:
        await run(*args)
    except Exception as failure:
        for one in _flat(failure):
            log.error("task.failed", task=name, problem=type(one).__name__, exc_info=one)


def _flat(failure: Exception) -> list[Exception]:
    waiting, found = [failure], []
    while waiting:
        one = waiting.pop()
        if isinstance(one, ExceptionGroup):
            waiting.extend(one.exceptions)
        else:
            found.append(one)
    return found
