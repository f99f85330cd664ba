"""The daemon's side of the control door."""

import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import trio

from bridge.control.lines import BadLine, LineReader, read_object, write_object
from bridge.model.failures import BridgeError
from bridge.net import NetError, Stream, run_guarded, serve_unix
from bridge.telemetry import get_logger

log = get_logger("control")

LINE_LIMIT = 65_536
"""Octets of a request: far more than any command line has to say."""

SECONDS = 30.0
"""How long a request may take to arrive, to be carried out, and its reply to be taken: each so long at most."""

AT_ONCE = 16
"""Connections served at once: people and scripts of one machine."""

Handler = Callable[[str, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
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
            await _reply(stream, await self._answer(line))

    async def _answer(self, line: bytes) -> bytes:
        """Carry out one line. Whatever goes wrong is a reply, and a surprise is a log line too."""
        answers: list[bytes] = []
        with trio.move_on_after(SECONDS) as working:
            await run_guarded("control", self._carry_out, line, answers)
        if working.cancelled_caught:
            return _failure(f"the command took longer than {SECONDS:g} s: it may or may not have been carried out")
        return answers[0] if answers else _failure("the command failed: popbridge's log says why")

    async def _carry_out(self, line: bytes, answers: list[bytes]) -> None:
        try:
            arguments = read_object(line)
            command = arguments.pop("command", None)
            if not isinstance(command, str):
                raise BadLine("the command is missing")
            answers.append(write_object({"ok": True, "result": await self._handler(command, arguments)}))
        except BridgeError as failure:
            answers.append(_failure(str(failure)))


def _failure(sentence: str) -> bytes:
    return write_object({"ok": False, "error": sentence})


async def _reply(stream: Stream, line: bytes) -> None:
    with trio.move_on_after(SECONDS):
        await stream.send_all(line)
