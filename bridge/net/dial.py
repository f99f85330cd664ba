"""Reaching upstream servers."""

import socket

import trio

from bridge.model.peer import Peer
from bridge.net.errors import DialFailed, NetError
from bridge.net.stream import Stream
from bridge.net.tls import client_context


async def dial(host: str, port: int, *, tls: bool, ca_file: str, seconds: float) -> Stream:
    """Connect, with TLS from the first octet if `tls`. Raises `DialFailed` within `seconds`; nothing is left open."""
    try:
        with trio.fail_after(seconds):
            raw = await trio.open_tcp_stream(host, port)
    except trio.TooSlowError as failure:
        raise DialFailed(f"{host}:{port} did not answer within {seconds:g} s") from failure
    except OSError as failure:
        why = "the name is not known" if isinstance(failure, socket.gaierror) else _words(failure)
        raise DialFailed(f"{host}:{port} cannot be reached: {why}") from failure
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    stream = Stream(raw, Peer(host, port))
    if tls:
        await secure(stream, host, ca_file, seconds)
    return stream


async def secure(stream: Stream, host: str, ca_file: str, seconds: float) -> None:
    """Turn a stream into a TLS one. Raises `DialFailed`, and then the stream is closed."""
    try:
        await stream.start_tls_client(client_context(ca_file), host, seconds)
    except NetError as failure:
        stream.abort()
        raise DialFailed(str(failure)) from failure


def _words(failure: OSError) -> str:
    cause = failure.__cause__
    if isinstance(cause, BaseExceptionGroup) and cause.exceptions:
        cause = cause.exceptions[0]
    deepest = cause if isinstance(cause, OSError) else failure
    return (deepest.strerror or str(deepest)).lower()
