"""A proxy in front of us says whose connection it hands on, before anything else is said."""

import trio

from bridge.model.peer import Relay
from bridge.net.errors import NetClosed, NetError
from bridge.net.proxy_header import Header, HeaderReader, NotAHeader
from bridge.net.stream import Stream

HEADER_SECONDS = 10.0
"""How long a proxy may take for its header, which it sends with the connection: three seconds for a lost packet are the
least that section 2 of proxy-protocol.txt allows."""

PIECE = 2048
"""Octets taken at once: a header and what a device said by then."""


async def receive_relay(stream: Stream, seconds: float) -> bool:
    """Take the PROXY protocol's header: from then on the stream's `peer` is the device, and `relay` tells of the proxy.

    Gives False when the proxy went without a word, as health checks do. Waits at most `HEADER_SECONDS`, or `seconds`.
    Raises `NetError` for anything but a header; then, and when cancelled, abort the stream.
    """
    seconds = min(seconds, HEADER_SECONDS)
    reader = HeaderReader()
    try:
        with trio.fail_after(seconds):
            header = await _receive(stream, reader)
    except trio.TooSlowError as failure:
        raise NotAHeader(f"no PROXY header came within {seconds:g} s") from failure
    if header is None:
        return False
    proxy = stream.peer
    own = header.own or (header.peer is not None and header.peer.host == proxy.host)
    stream.relay = Relay(proxy, "own" if own else "device" if header.peer else "unknown", header.tls)
    stream.peer = stream.address = header.peer or proxy
    stream.transport.put_back(reader.rest)
    return True


async def _receive(stream: Stream, reader: HeaderReader) -> Header | None:
    while True:
        try:
            data = await stream.receive_some(PIECE)
        except NetClosed:
            data = b""
        if not data:
            if reader.begun:
                raise NetError("the connection ended within the PROXY header")
            return None
        if header := reader.receive(data):
            return header
