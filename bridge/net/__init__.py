"""Sockets and TLS: the only room that has them."""

from bridge.net.dial import dial, secure
from bridge.net.errors import DeviceGone, DeviceIdle, DialFailed, NetClosed, NetError, NotTrusted
from bridge.net.guard import run_guarded
from bridge.net.listen import Handler, Listener, open_listeners
from bridge.net.names import use_own_resolver
from bridge.net.pump import DevicePump
from bridge.net.relaying import receive_relay
from bridge.net.stream import Stream
from bridge.net.systemd import notify, watchdog_interval
from bridge.net.tls import ServerTls, client_context, server_context
from bridge.net.unixsocket import connect_unix, serve_unix

__all__ = [
    "DeviceGone",
    "DeviceIdle",
    "DevicePump",
    "DialFailed",
    "Handler",
    "Listener",
    "NetClosed",
    "NetError",
    "NotTrusted",
    "ServerTls",
    "Stream",
    "client_context",
    "connect_unix",
    "dial",
    "notify",
    "open_listeners",
    "receive_relay",
    "run_guarded",
    "secure",
    "serve_unix",
    "server_context",
    "use_own_resolver",
    "watchdog_interval",
]
