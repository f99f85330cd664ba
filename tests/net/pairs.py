"""Pairs of streams: our end, and the device's."""

import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import trio
import trio.testing
import trustme

from bridge.model.peer import Peer
from bridge.net import Stream

DEVICE = Peer("192.0.2.7", 1027)

MemoryEnd = trio.StapledStream[trio.testing.MemorySendStream, trio.testing.MemoryReceiveStream]


@contextlib.asynccontextmanager
async def memory_pair() -> AsyncIterator[tuple[Stream, MemoryEnd]]:
    """Give our end and the device's: no waiting when sending, no limit."""
    ours, theirs = trio.testing.memory_stream_pair()
    async with theirs:
        yield Stream(ours, DEVICE), theirs


@contextlib.asynccontextmanager
async def socket_pair() -> AsyncIterator[tuple[Stream, trio.SocketStream]]:
    """Give our end and the device's of sockets with the smallest buffers there are."""
    ours, theirs = socket.socketpair()
    for each in (ours, theirs):
        each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    with ours, theirs:
        yield _wrap(ours, theirs)


def _wrap(ours: socket.socket, theirs: socket.socket) -> tuple[Stream, trio.SocketStream]:
    near, far = (trio.SocketStream(trio.socket.from_stdlib_socket(each)) for each in (ours, theirs))
    return Stream(near, DEVICE), far


@contextlib.asynccontextmanager
async def tcp_pair() -> AsyncIterator[tuple[Stream, trio.SocketStream]]:
    """Give our end and the device's of a TCP connection on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        theirs = socket.create_connection(listening.getsockname())
        ours, _ = listening.accept()
    with ours, theirs:
        yield _wrap(ours, theirs)


def write_pair(directory: Path, name: str, made: trustme.LeafCert) -> tuple[str, str]:
    """Write a certificate and its key; give both paths."""
    certificate, key = directory / f"{name}.crt", directory / f"{name}.key"
    made.cert_chain_pems[0].write_to_path(str(certificate))
    made.private_key_pem.write_to_path(str(key))
    return str(certificate), str(key)
