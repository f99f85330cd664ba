"""The one guard for long-lived tasks: what one of them raises never ends the others."""

from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVarTuple

from bridge.telemetry import get_logger

log = get_logger("guard")

Ts = TypeVarTuple("Ts")


async def run_guarded(
    name: str, run: Callable[[*Ts], Awaitable[object]], *args: *Ts, on_failure: Callable[[], None] | None = None
) -> None:
    """Run a task to its end.

    An exception is logged at error with its traceback, one line for each that a group holds, `on_failure` is
    called, and it goes no further. `Cancelled` and whatever else is no `Exception` passes, also out of a group
    that holds both.
    """
    try:
        await run(*args)
    except* Exception as failures:
        for one in _flat(failures):
            log.error("task.failed", task=name, problem=type(one).__name__, exc_info=one)
        if on_failure is not None:
            on_failure()


def _flat(group: BaseExceptionGroup[Exception]) -> Iterator[Exception]:
    waiting: list[Exception | BaseExceptionGroup[Exception]] = [group]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseExceptionGroup):
            waiting.extend(reversed(one.exceptions))
        else:
            yield one
