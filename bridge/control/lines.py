"""JSON objects as lines: `{"command": "status", …}` one way, `{"ok": true, "result": {…}}` the other.

A failure is `{"ok": false, "error": "…"}`, with `"wrong": true` where the mistake is in what was asked for. Before
either there may be any number of `{"progress": "…"}`.
"""

import json
from collections.abc import Mapping
from typing import Any

from bridge.model.failures import BridgeError
from bridge.net import Stream


class BadLine(BridgeError):
    """What came is no JSON object on one line of bounded length."""


class LineReader:
    """Takes lines off a stream. What came behind a line is kept for the next."""

    def __init__(self, stream: Stream, limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self._buffer = bytearray()
        self._looked = 0

    async def line(self) -> bytes:
        """Give a line without its end, `b""` at the end of the stream (a last line may lack its end).

        Waits. Raises `NetError`, and `BadLine` for more than `limit` octets: then the stream is of no more use.
        """
        while (end := self._buffer.find(b"\n", self._looked)) < 0:
            self._looked = len(self._buffer)
            if self._looked > self._limit:
                raise BadLine(f"a line is longer than {self._limit} octets")
            data = await self._stream.receive_some()
            if not data:
                end = len(self._buffer)
                break
            self._buffer += data
        if end > self._limit:
            raise BadLine(f"a line is longer than {self._limit} octets")
        found = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self._looked = 0
        return found


def read_object(line: bytes) -> dict[str, Any]:
    """Read one line. Raises `BadLine`."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as failure:
        raise BadLine("a line is no JSON") from failure
    if not isinstance(found, dict):
        raise BadLine("a line is no JSON object")
    return found


def write_object(message: Mapping[str, Any]) -> bytes:
    """Write one line. Raises `TypeError` or `ValueError` for what JSON does not have: a programming error."""
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"
