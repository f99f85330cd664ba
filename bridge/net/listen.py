"""Listening for devices: sockets of our own, or passed by systemd."""

import errno
import os
import socket
from collections.abc import Awaitable, Callable, Sequence

import trio

from bridge.model.peer import Peer
from bridge.model.settings import ListenerSettings
from bridge.net.errors import NetError
from bridge.net.guard import run_guarded
from bridge.net.stream import Stream
from bridge.net.tls import ServerTls
from bridge.telemetry import get_logger

log = get_logger("net")

FIRST_PASSED = 3
"""The first descriptor that systemd passes (sd_listen_fds(3))."""

USER_TIMEOUT = 120_000
"""Milliseconds that sent octets may stay unacknowledged: TCP_USER_TIMEOUT (RFC 5482)."""

FULL_PAUSE = 0.5
"""Seconds to wait when the process has no descriptors left."""

Handler = Callable[[Stream, "Listener"], Awaitable[None]]


class Listener:
    """One bound socket."""

    def __init__(self, settings: ListenerSettings, sock: trio.socket.SocketType) -> None:
        self.settings = settings
        self.tls = ServerTls(settings) if settings.tls != "none" else None
        self._socket = sock
        host, port = sock.getsockname()[:2]
        self.address = str(Peer(host, port))

    async def serve(self, handler: Handler) -> None:
        """Take connections until cancelled. A handler that raises ends its own connection alone."""
        async with trio.open_nursery() as nursery:
            while True:
                try:
                    connection, address = await self._socket.accept()
                except OSError as failure:
                    await self._pause(failure)
                    continue
                nursery.start_soon(self._handle, handler, connection, Peer(str(address[0]), int(address[1])))

    async def _handle(self, handler: Handler, connection: trio.socket.SocketType, peer: Peer) -> None:
        with connection:
            try:
                _keep_alive(connection)
                stream = Stream(trio.SocketStream(connection), peer)
            except OSError:
                return
            await run_guarded("session", handler, stream, self)

    async def _pause(self, failure: OSError) -> None:
        if failure.errno in {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}:
            log.error("listener.full", address=self.address, problem=str(failure))
            await trio.sleep(FULL_PAUSE)

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()


def _keep_alive(sock: trio.socket.SocketType) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT)


async def open_listeners(settings: Sequence[ListenerSettings]) -> list[Listener]:
    """Bind every listener, or none. Raises `NetError` naming the address that cannot be had."""
    passed = _passed_sockets()
    opened: list[Listener] = []
    try:
        for one in settings:
            sock = _adopt(one, passed) if one.systemd else await _bind(one)
            opened.append(Listener(one, sock))
    except NetError:
        for listener in opened:
            listener.close()
        raise
    return opened


async def _bind(settings: ListenerSettings) -> trio.socket.SocketType:
    where = Peer(settings.host, settings.port)
    try:
        found = await trio.socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        sock = trio.socket.socket(family, kind, protocol)
    except OSError as failure:
        raise NetError(f"cannot listen on {where}: {failure.strerror or failure}") from failure
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        await sock.bind(address)
        sock.listen(1024)
    except OSError as failure:
        sock.close()
        raise NetError(f"cannot listen on {where}: {failure.strerror or failure}") from failure
    return sock


def _passed_sockets() -> dict[str, list[int]]:
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return {}
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    found: dict[str, list[int]] = {}
    for at in range(int(os.environ.get("LISTEN_FDS", "0"))):
        found.setdefault(names[at] if at < len(names) else "unknown", []).append(FIRST_PASSED + at)
    return found


def _adopt(settings: ListenerSettings, passed: dict[str, list[int]]) -> trio.socket.SocketType:
    if not passed.get(settings.systemd):
        raise NetError(
            f"systemd passed no socket named {settings.systemd}: look at the .socket unit's FileDescriptorName"
        )
    return trio.socket.from_stdlib_socket(socket.socket(fileno=passed[settings.systemd].pop(0)))
