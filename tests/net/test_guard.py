"""The guard lets no failure out, and everything else."""

import io

import pytest
import trio
import trio.testing

from bridge.net import run_guarded


async def fail(message: str) -> None:
    raise ValueError(message)


async def test_a_failure_is_one_line_with_its_traceback_and_goes_no_further(log: io.StringIO) -> None:
    called: list[str] = []
    await run_guarded("watcher", fail, "no\nway", on_failure=lambda: called.append("yes"))
    assert called == ["yes"]
    line = log.getvalue()
    assert line.startswith('task.failed level=error task=watcher problem=ValueError exception="Traceback')
    assert line.endswith('ValueError: no\\nway"\n')
    assert line.count("\n") == 1


async def test_each_failure_of_a_group_has_its_line(log: io.StringIO) -> None:
    async def several() -> None:
        raise ExceptionGroup("outer", [KeyError("a"), ExceptionGroup("inner", [OSError("b"), TypeError("c")])])

    await run_guarded("session", several)
    problems = [line.split(" problem=")[1].split()[0] for line in log.getvalue().splitlines()]
    assert problems == ["KeyError", "OSError", "TypeError"]


async def test_cancelled_passes(log: io.StringIO) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await run_guarded("session", trio.sleep_forever)
    assert scope.cancelled_caught
    assert log.getvalue() == ""


async def test_what_fails_while_being_cancelled_is_logged_and_cancelled_passes(log: io.StringIO) -> None:
    async def stumble() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("stumbled")

    async def both() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stumble)
            nursery.start_soon(trio.sleep_forever)

    async def cancel(scope: trio.CancelScope) -> None:
        await trio.testing.wait_all_tasks_blocked()
        scope.cancel()

    reached = False
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(cancel, scope)
            await run_guarded("session", both)
            reached = True
    assert not reached
    assert scope.cancelled_caught
    assert "stumbled" in log.getvalue()


async def test_what_is_no_exception_passes_out_of_a_group(log: io.StringIO) -> None:
    async def interrupted() -> None:
        raise BaseExceptionGroup("both", [KeyboardInterrupt(), ValueError("too")])

    with pytest.RaisesGroup(KeyboardInterrupt):
        await run_guarded("session", interrupted)
    assert "ValueError: too" in log.getvalue()
