"""The command line's side of the control door."""

from collections.abc import Callable
from typing import Any

import trio

from bridge.control.lines import BadLine, LineReader, read_object, write_object
from bridge.model.failures import BridgeError, WrongRequest
from bridge.net import DialFailed, NetError, Stream, connect_unix

SECONDS = 65.0
"""How long a command may take until its reply or its next report of progress: what the daemon allows itself for
carrying it out and for its reply, and a little.
"""

REPLY_LIMIT = 64 * 1024 * 1024
"""Octets of a reply: `status` of thousands of devices is a few megabytes."""


class ControlAbsent(BridgeError):
    """No daemon answers at the socket."""


class ControlFailed(BridgeError):
    """A daemon is there, and the command was not carried out; the sentence is the daemon's own where it has one."""


def _unwatched(sentence: str) -> None:
    """Let a report of progress go by."""


async def ask(
    path: str, command: str, progress: Callable[[str], None] = _unwatched, /, **arguments: Any
) -> dict[str, Any]:
    """Have the daemon at `path` carry out one command and give its result; `progress` hears how far it is.

    Waits at most `SECONDS` between two lines of the daemon. Raises `ControlAbsent` when no daemon runs, `WrongRequest`
    when the daemon says that what it was asked makes no sense, `ControlFailed` for everything else.
    """
    stream = await _connect(path)
    try:
        with trio.fail_after(SECONDS) as waiting:
            await stream.send_all(write_object({**arguments, "command": command}))
            lines = LineReader(stream, REPLY_LIMIT)
            while (line := await lines.line()) and (sentence := _progress(line)) is not None:
                waiting.deadline = trio.current_time() + SECONDS
                progress(sentence)
            return _result(line)
    except trio.TooSlowError as failure:
        raise ControlFailed(f"popbridge at {path} did not answer within {SECONDS:g} s") from failure
    except (NetError, BadLine) as failure:
        raise ControlFailed(f"popbridge at {path} did not answer: {failure}") from failure
    finally:
        stream.abort()


async def _connect(path: str) -> Stream:
    try:
        return await connect_unix(path, SECONDS)
    except DialFailed as failure:
        if isinstance(failure.__cause__, FileNotFoundError | ConnectionRefusedError | NotADirectoryError):
            raise ControlAbsent(f"no popbridge runs at {path}") from failure
        raise ControlFailed(str(failure)) from failure


def _progress(line: bytes) -> str | None:
    found = read_object(line).get("progress")
    return found if isinstance(found, str) else None


def _result(line: bytes) -> dict[str, Any]:
    if not line:
        raise ControlFailed("popbridge closed the connection without a reply")
    reply = read_object(line)
    result = reply.get("result")
    if reply.get("ok") is True and isinstance(result, dict):
        return result
    error = str(reply.get("error", "popbridge gave a reply without meaning"))
    raise WrongRequest(error) if reply.get("wrong") is True else ControlFailed(error)
