"""Jobs whose answer is long: it is handed on in batches while more come."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import trio

from bridge.upstream.link import Link
from bridge.upstream.request import Request
from bridge.upstream.urgency import Urgency

R = TypeVar("R")
Put = Callable[[list[R]], Awaitable[None]]
"""Hands a batch on, and waits while the one before has not been taken."""


async def stream(
    account: str,
    urgency: Urgency,
    submit: Callable[[Request[None]], None],
    job: Callable[[Link, Put[R]], Awaitable[None]],
    take: Put[R],
    waiting: int = 1,
) -> None:
    """Run a job on a connection, and give its batches to `take`, here in the caller's task.

    Where `waiting`, which is how many batches may wait for it, is more than one, those that wait are taken together.

    Raises what the job raises, after `take` has had what came before; what `take` raises is passed on. Whenever this
    ends early, the job goes on without being heard only as long as it takes to leave its connection of use.
    """
    send, receive = trio.open_memory_channel[list[R]](waiting)

    async def put(batch: list[R]) -> None:
        try:
            await send.send(batch)
        except trio.BrokenResourceError:
            return  # nobody listens any more; what is left is read only to keep the connection

    request = Request(account, urgency, lambda link: job(link, put), send.close)
    submit(request)
    try:
        with receive:
            async for batch in receive:
                with suppress(trio.WouldBlock, trio.EndOfChannel):
                    for _ in range(waiting - 1):
                        batch += receive.receive_nowait()
                await take(batch)
    finally:
        if not request.settled:
            request.abandon()
    await request.wait()
