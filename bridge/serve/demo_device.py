"""The demo's device: a small POP3 program that shows what it says and hears."""

from collections.abc import Callable
from contextlib import suppress

import trio

from bridge.net import NetError, Stream, dial

SHOWN_LINES = 6
"""Lines of a long answer that are shown."""

SHOWN_COLUMNS = 100

SECONDS = 60.0
"""How long the whole session may take."""

Show = Callable[[str], None]


class DemoFailed(Exception):
    """The bridge's answer was not what a device hopes for."""


async def show_session(host: str, port: int, login: str, password: str, show: Show) -> None:
    """Log in, list, read the newest message and a part of another, log out; every line is shown, long answers cut.

    Raises `NetError` or `DemoFailed`; the connection is closed whatever happens.
    """
    stream = await dial(host, port, tls=False, ca_file="", seconds=SECONDS)
    try:
        with trio.fail_after(SECONDS):
            await _converse(_Conversation(stream, show), login, password)
    except trio.TooSlowError as failure:
        raise DemoFailed(f"the session took longer than {SECONDS:g} s") from failure
    finally:
        with suppress(NetError):
            await stream.aclose()


async def _converse(device: "_Conversation", login: str, password: str) -> None:
    await device.status()
    await device.lines("CAPA")
    await device.say(f"USER {login}")
    await device.say(f"PASS {password}", shown="PASS ********")
    count = int((await device.say("STAT")).split()[1])
    await device.lines("LIST")
    await device.lines("UIDL")
    if count:
        await device.lines("TOP 1 3")
        await device.lines(f"RETR {count}")
    await device.say("QUIT")


class _Conversation:
    def __init__(self, stream: Stream, show: Show) -> None:
        self._stream = stream
        self._show = show
        self._buffer = bytearray()

    async def say(self, command: str, shown: str = "") -> str:
        """Say a command and give the first line of the answer."""
        self._show(f"> {shown or command}")
        await self._stream.send_all(command.encode() + b"\r\n")
        return await self.status()

    async def status(self) -> str:
        """Hear a line that says whether it went well."""
        line = await self._line()
        self._show(f"< {_printable(line)}")
        if not line.startswith(b"+"):
            raise DemoFailed(f"the bridge answered: {_printable(line)}")
        return line.decode("ascii", "replace")

    async def lines(self, command: str) -> None:
        """Say a command whose answer has many lines, and show the first ones."""
        await self.say(command)
        count = 0
        while (line := await self._line()) != b".":
            count += 1
            if count <= SHOWN_LINES:
                self._show(f"< {_printable(line)}")
        if count > SHOWN_LINES:
            self._show(f"< … and {count - SHOWN_LINES} more lines")
        self._show("< .")

    async def _line(self) -> bytes:
        start = 0
        while (end := self._buffer.find(b"\r\n", start)) < 0:
            start = max(len(self._buffer) - 1, 0)
            data = await self._stream.receive_some()
            if not data:
                raise DemoFailed("the bridge closed the connection")
            self._buffer += data
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line


def _printable(line: bytes) -> str:
    text = "".join(c if c.isprintable() else "·" for c in line.decode("utf-8", "replace"))
    return text if len(text) <= SHOWN_COLUMNS else f"{text[:SHOWN_COLUMNS]}…"
