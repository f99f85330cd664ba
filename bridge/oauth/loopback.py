"""A port of this machine that a browser is sent back to (RFC 8252 §7.3): one answer is taken, all else refused."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio

from bridge.model.settings import ListenerSettings
from bridge.net import Listener, NetError, Stream, open_listeners
from bridge.oauth.browser import Back, NotOurs

HEAD_SECONDS = 10.0
"""How long a request may take: browsers open connections that they then do not use."""

LARGEST = 16 * 1024
"""Octets of a request's head: a browser's cookies for 127.0.0.1 may be among them."""

Read = Callable[[str], Back]
"""Reads a query. Raises `NotOurs`."""

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>popbridge</title>
<body style="font: 1.2em sans-serif; margin: 4em auto; max-width: 30em">
<h1>popbridge</h1><p>{}</p></body></html>
"""


class Loopback:
    """Listens on 127.0.0.1. `port` is the one it has."""

    def __init__(self, listener: Listener, path: str) -> None:
        self.port = int(listener.address.rpartition(":")[2])
        self._listener = listener
        self._path = path

    async def answer(self, read: Read) -> Back:
        """Wait until a browser comes back with what `read` takes; it sees a page that says so. Waits for ever."""
        found: list[Back] = []
        there = trio.Event()

        async def take(stream: Stream, _: Listener) -> None:
            with trio.move_on_after(HEAD_SECONDS):
                back = await self._exchange(stream, read)
                if back is not None and not found:
                    found.append(back)
                    there.set()

        async with trio.open_nursery() as nursery:
            await nursery.start(self._listener.serve, take)
            await there.wait()
            nursery.cancel_scope.cancel()
        return found[0]

    async def _exchange(self, stream: Stream, read: Read) -> Back | None:
        try:
            status, words, back = judge(await _head(stream), self._path, read)
            await stream.send_all(_reply(status, words))
            await stream.aclose()
        except NetError:
            return None
        return back


def judge(head: bytes, path: str, read: Read) -> tuple[str, str, Back | None]:
    """Give the status and words to answer a request's head with, and what a browser came back with, if that is it."""
    method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
    target, _, version = rest.rpartition(" ")
    if not version.startswith("HTTP/1.") or not target.startswith("/"):
        return "400 Bad Request", "This is no request.", None
    if method != "GET":
        return "405 Method Not Allowed", "Only a browser that signed in is expected here.", None
    asked, _, query = target.partition("?")
    if asked != path:
        return "404 Not Found", "There is nothing here.", None
    try:
        back = read(query)
    except NotOurs as wrong:
        return "400 Bad Request", f"Not taken: {wrong}.", None
    if back.error:
        return "200 OK", "Nobody was signed in. What to do is told where popbridge was started.", back
    return "200 OK", "That is all that was needed here: you can close this window.", back


async def _head(stream: Stream) -> bytes:
    octets = b""
    while b"\r\n\r\n" not in octets and len(octets) <= LARGEST:
        data = await stream.receive_some()
        if not data:
            break
        octets += data
    return octets if b"\r\n\r\n" in octets else b""


def _reply(status: str, words: str) -> bytes:
    page = _PAGE.format(words).encode()
    lines = (
        f"HTTP/1.1 {status}",
        "Content-Type: text/html; charset=utf-8",
        f"Content-Length: {len(page)}",
        "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'",
        "Referrer-Policy: no-referrer",
        "Cache-Control: no-store",
        "Connection: close",
        *(("Allow: GET",) if status.startswith("405") else ()),
        "",
        "",
    )
    return "\r\n".join(lines).encode() + page


@asynccontextmanager
async def loopback(port: int, path: str) -> AsyncIterator[Loopback]:
    """Listen for the block, on any port where `port` is 0. Raises `NetError` where the port is not to be had."""
    (listener,) = await open_listeners([ListenerSettings(host="127.0.0.1", port=port)], {})
    try:
        yield Loopback(listener, path)
    finally:
        listener.close()
