"""The daemon's side of the control door."""

import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import trio

from bridge.control.lines import BadLine, LineReader, read_object, write_object
from bridge.model.failures import BridgeError, WrongRequest
from bridge.net import NetError, Stream, run_guarded, serve_unix
from bridge.telemetry import get_logger

log = get_logger("control")

LINE_LIMIT = 32 * 1024 * 1024
"""Octets of a request: the unique-ids of a device that moves in, all in one, are the longest, 300,000 of them."""

SECONDS = 30.0
"""How long a request may take to arrive, to be carried out, and its reply to be taken: each so long at most. Carrying
one out may take longer when it reports progress: it then has so long from each report.
"""

PROGRESS_SECONDS = 5.0
"""How long a report of progress may take to be taken; then nobody reads, and the connection is given up."""

AT_ONCE = 16
"""Connections served at once: people and scripts of one machine."""

Progress = Callable[[str], Awaitable[None]]
"""Takes a sentence on how far a command is. Waits until it is sent, and never raises: the work goes on unwatched."""

Handler = Callable[[str, Mapping[str, Any], Progress], Awaitable[Mapping[str, Any]]]
"""Carries out one command with its arguments. A `BridgeError` is told to the client; what it gives must be JSON."""


async def serve_control(
    path: str, handler: Handler, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Answer commands at the socket `path` until cancelled; the file is removed then.

    Only root and this process's own user are heard. Raises `NetError` before it has started, when there is another
    daemon or something else in the way. What a handler raises is logged and never ends the server.
    """
    await serve_unix(path, _Door(handler).take, task_status=task_status)


class _Door:
    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._inside = 0

    async def take(self, stream: Stream, uid: int) -> None:
        """Serve one connection to its end."""
        self._inside += 1
        try:
            await self._admit(stream, uid)
            await stream.aclose()
        except NetError:
            return  # the client went, as clients do
        finally:
            self._inside -= 1

    async def _admit(self, stream: Stream, uid: int) -> None:
        if uid not in {0, os.geteuid()}:
            log.warning("control.refused", uid=uid)
            await _reply(stream, _failure("this socket is for root and popbridge's own user"))
        elif self._inside > AT_ONCE:
            await _reply(stream, _failure("too many commands at once: try again"))
        else:
            await self._converse(stream)

    async def _converse(self, stream: Stream) -> None:
        reader = LineReader(stream, LINE_LIMIT)
        while True:
            with trio.move_on_after(SECONDS) as waiting:
                try:
                    line = await reader.line()
                except BadLine as failure:
                    await _reply(stream, _failure(str(failure)))
                    return
            if waiting.cancelled_caught or not line:
                return
            await _reply(stream, await self._answer(line, stream))

    async def _answer(self, line: bytes, stream: Stream) -> bytes:
        """Carry out one line. Whatever goes wrong is a reply, and a surprise is a log line too."""
        answers: list[bytes] = []
        with trio.move_on_after(SECONDS) as working:
            await run_guarded("control", self._carry_out, line, answers, _reporting(stream, working))
        if working.cancelled_caught:
            return _failure(f"the command took longer than {SECONDS:g} s: it may or may not have been carried out")
        return answers[0] if answers else _failure("the command failed: popbridge's log says why")

    async def _carry_out(self, line: bytes, answers: list[bytes], progress: Progress) -> None:
        try:
            arguments = read_object(line)
            command = arguments.pop("command", None)
            if not isinstance(command, str):
                raise BadLine("the command is missing")
            answers.append(write_object({"ok": True, "result": await self._handler(command, arguments, progress)}))
        except WrongRequest as failure:
            answers.append(_failure(str(failure), wrong=True))
        except BridgeError as failure:
            answers.append(_failure(str(failure)))


def _reporting(stream: Stream, working: trio.CancelScope) -> Progress:
    async def progress(sentence: str) -> None:
        working.deadline = trio.current_time() + SECONDS
        with suppress(NetError), trio.move_on_after(PROGRESS_SECONDS) as sending:
            await stream.send_all(write_object({"progress": sentence}))
        if sending.cancelled_caught:
            stream.abort()

    return progress


def _failure(sentence: str, *, wrong: bool = False) -> bytes:
    """`wrong` tells that the mistake is in what was asked for."""
    return write_object({"ok": False, "error": sentence, **({"wrong": True} if wrong else {})})


async def _reply(stream: Stream, line: bytes) -> None:
    with trio.move_on_after(SECONDS):
        await stream.send_all(line)
