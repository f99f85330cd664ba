"""Sockets in the file system, for the control door."""

import contextlib
import os
import socket
import stat
import struct
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import trio

from bridge.model.peer import Peer
from bridge.net.accept import Accepting
from bridge.net.errors import DialFailed, NetError
from bridge.net.guard import run_guarded
from bridge.net.stream import Stream

STALE_SECONDS = 1.0
"""How long whoever holds a socket file may take to accept a connection."""


Handler = Callable[[Stream, int], Awaitable[None]]
"""Serves one connection; the number is the user id of who connected."""


async def serve_unix(
    path: str, handler: Handler, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Take connections at the socket file `path` until cancelled; each handler runs under the guard.

    The file lets in its owner alone from the first moment on, and is removed at the end. One that nobody listens
    behind is replaced; anything else that is in the way stays, and is a `NetError` before this has started, as is
    every other reason.
    """
    sock = await listen_unix(path)
    accepting = Accepting(sock, path)
    try:
        async with trio.open_nursery() as nursery:
            task_status.started()
            while (connection := await accepting.take()) is not None:
                nursery.start_soon(_handle, handler, connection, path)
    finally:
        accepting.close()
        remove_unix(path)


async def _handle(handler: Handler, sock: trio.socket.SocketType, path: str) -> None:
    with sock:
        try:
            uid = peer_uid(sock)
        except OSError:
            return  # gone before it was looked at
        await run_guarded("control", handler, Stream(trio.SocketStream(sock), Peer(path, 0)), uid)


async def listen_unix(path: str, mode: int = 0o600) -> trio.socket.SocketType:
    """Bind a socket file at `path` and listen, as `serve_unix` does. Raises `NetError`."""
    with _told(path):
        if _is_socket(path):
            await _remove_stale(path)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with contextlib.ExitStack() as undo:
            undo.callback(sock.close)
            before = os.umask(0o777 & ~mode)
            try:
                sock.bind(path)
            finally:
                os.umask(before)
            sock.listen(16)
            undo.pop_all()
    return trio.socket.from_stdlib_socket(sock)


async def _remove_stale(path: str) -> None:
    try:
        stream = await connect_unix(path, STALE_SECONDS)
    except DialFailed as failure:
        if not isinstance(failure.__cause__, ConnectionRefusedError):
            raise
        remove_unix(path)
    else:
        stream.abort()
        raise NetError(f"another popbridge answers at {path}")


@contextlib.contextmanager
def _told(path: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as failure:
        why = (isinstance(failure, OSError) and failure.strerror) or str(failure)
        raise NetError(f"cannot listen at {path}: {why.lower()}") from failure


def remove_unix(path: str) -> None:
    """Remove a socket file; a file that is something else by now stays."""
    with contextlib.suppress(OSError):
        if _is_socket(path):
            Path(path).unlink()


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.lstat(path).st_mode)
    except FileNotFoundError:
        return False


async def connect_unix(path: str, seconds: float) -> Stream:
    """Connect to `path` within `seconds`. Raises `DialFailed`, caused by the `OSError` if there was one."""
    try:
        with trio.fail_after(seconds):
            raw = await trio.open_unix_socket(path)
    except trio.TooSlowError as failure:
        raise DialFailed(f"{path} did not answer within {seconds:g} s") from failure
    except (OSError, ValueError) as failure:
        why = (isinstance(failure, OSError) and failure.strerror) or str(failure)
        raise DialFailed(f"{path} cannot be reached: {why.lower()}") from failure
    return Stream(raw, Peer(path, 0))


def peer_uid(sock: trio.socket.SocketType) -> int:
    """Give the user id of the process that connected, as the kernel saw it (unix(7), SO_PEERCRED)."""
    layout = struct.Struct("3i")
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, layout.size)
    return int(layout.unpack(credentials)[1])
