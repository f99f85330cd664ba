"""Reaching upstream servers."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import trio

from bridge.model.peer import Peer
from bridge.net.errors import DialFailed, NetError, NotTrusted
from bridge.net.keepalive import keep_alive
from bridge.net.reasons import distrust, why_not_connected
from bridge.net.stream import NOWHERE, Stream
from bridge.net.tls import client_context


async def dial(host: str, port: int, *, tls: bool, ca_file: str, seconds: float) -> Stream:
    """Connect, with TLS from the first octet if `tls`; the certificate must be for `host`.

    Waits for the name, the connection and the handshake, all within `seconds`. Raises `DialFailed`, and of it
    `NotTrusted` when TLS is the matter; failed or cancelled, nothing is left open. `ca_file` as for `client_context`.
    """
    ends = trio.current_time() + seconds
    stream = await _connect(host, port, seconds)
    if tls:
        await secure(stream, host, ca_file, max(0.0, ends - trio.current_time()))
    return stream


async def _connect(host: str, port: int, seconds: float) -> Stream:
    where = Peer(host, port)
    try:
        with trio.fail_after(seconds):
            raw = await trio.open_tcp_stream(host, port)
    except trio.TooSlowError as failure:
        raise DialFailed(f"{where} did not answer within {seconds:g} s") from failure
    except (OSError, ValueError) as failure:
        raise DialFailed(f"{where} cannot be reached: {why_not_connected(failure)}") from failure
    stream = Stream(raw, where, _address(raw.socket.getsockname), _address(raw.socket.getpeername))
    keep_alive(stream.transport)
    return stream


def _address(ask: Callable[[], Any]) -> Peer:
    try:
        host, port = ask()[:2]
    except OSError:
        return NOWHERE
    return Peer(host, port)


async def secure(stream: Stream, host: str, ca_file: str, seconds: float) -> None:
    """Turn a stream into a TLS one, as after STARTTLS; the certificate must be for `host`.

    Waits at most `seconds`. Raises `NotTrusted`; failed or cancelled, the stream is closed.
    """
    with ExitStack() as undo:
        undo.callback(stream.abort)
        try:
            # A certificate names a host without the dot that marks a name as complete in DNS.
            name = host.removesuffix(".")
            await stream.start_tls_client(client_context(ca_file), name, seconds)
        except NetError as failure:
            raise NotTrusted(_advice(stream.peer, failure)) from failure
        undo.pop_all()


def _advice(peer: Peer, failure: NetError) -> str:
    found = distrust(failure)
    if found is None:
        return str(failure)
    match found.verify_code:
        case 62 | 64:  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
            return f"{peer} shows a certificate for another name: set host to the name that the certificate is for"
        case 18 | 19 | 20 | 21:  # self-signed, or an authority that is not known here
            problem = found.verify_message
            return f"{peer} shows a certificate that is not trusted ({problem}): set ca_file to its authority"
        case _:
            return f"{peer} shows a certificate that is not trusted ({found.verify_message})"
