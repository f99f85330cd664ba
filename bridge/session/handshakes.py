"""TLS with devices, counted and told: by it an owner sees which of them still need the old versions."""

from collections.abc import Iterator
from contextlib import contextmanager

from bridge.net import NetError, Stream
from bridge.session.places import peer_group
from bridge.telemetry import Seldom, count, get_logger

seldom = Seldom(get_logger("session"))


@contextmanager
def counted_handshake(stream: Stream) -> Iterator[None]:
    """Count the handshake of the block: by its version, or, with a line that says why, as failed."""
    try:
        yield
    except NetError as failure:
        count("handshakes_failed")
        seldom.say(
            said_at(stream), "handshake.failed", peer_group(stream.peer), peer=str(stream.peer), problem=str(failure)
        )
        raise
    match stream.tls_version:
        case "TLSv1":
            count("handshakes_tls_1_0")
        case "TLSv1.1":
            count("handshakes_tls_1_1")
        case "TLSv1.2":
            count("handshakes_tls_1_2")
        case _:
            count("handshakes_tls_1_3")


def negotiated(stream: Stream) -> str:
    """Say what a connection is protected by, as `TLSv1.2/ECDHE-RSA-AES128-GCM-SHA256`, or `none`."""
    return f"{stream.tls_version}/{stream.tls_cipher}" if stream.tls else "none"


def said_at(stream: Stream) -> str:
    """Give the level at which it is told that a connection came to nothing: a proxy that looks whether we are here,
    every few seconds, would fill the log.
    """
    return "debug" if stream.relay is not None and stream.relay.whose == "own" else "info"


def through(stream: Stream) -> dict[str, str]:
    """Say for the log which proxy a connection came through, and what protects it up to there; nothing without one."""
    relay = stream.relay
    return {} if relay is None else {"proxy": relay.proxy.host, "proxy_tls": relay.tls or "none"}
