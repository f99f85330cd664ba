"""Connections that a proxy hands on: whose they are, before they count as anybody's, and what may pass in clear."""

from bridge.model.peer import private_peer, this_machine
from bridge.model.settings import PlaintextLogin
from bridge.net import NetError, Stream, receive_relay
from bridge.session.gate import Gate
from bridge.session.places import peer_group
from bridge.telemetry import Seldom, count, get_logger

log = Seldom(get_logger("session"))


async def introduced(stream: Stream, gate: Gate) -> bool:
    """Have the proxy say whose connection this is: from then on the stream's `peer` is the device.

    Gives False when the connection is over: there is no room, the proxy only looked if we are here, or what came is no
    header; the last two are told in the log. Waits no longer than a login may take. The caller closes the stream.
    """
    with gate.announcing() as room:
        if not room:
            count("connections_refused")
            log.warning("connection.refused", peer_group(stream.peer), peer=str(stream.peer), limit="max_sessions")
            return False
        try:
            return await receive_relay(stream, gate.login_seconds())
        except NetError as failure:
            count("proxy_headers_refused")
            log.warning("proxy.refused", peer_group(stream.peer), peer=str(stream.peer), problem=str(failure))
            return False


def clear_enough(policy: PlaintextLogin, stream: Stream) -> bool:
    """Tell whether a password may come in clear.

    A proxy makes two lines of one. What comes from it is in clear and is judged like a device's, but that under
    `never` a proxy on this machine will do; the line before it is fine under TLS, else where the device's address is.
    """
    if policy == "always" or stream.relay is None:
        return policy == "always" or (policy == "private" and private_peer(stream.peer))
    relay = stream.relay
    if not (this_machine(relay.proxy) or (policy == "private" and private_peer(relay.proxy))):
        return False
    return bool(relay.tls) or (policy == "private" and relay.whose != "unknown" and private_peer(stream.peer))
