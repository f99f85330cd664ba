"""Sockets and TLS: the only room that has them."""

from bridge.net.dial import dial, secure
from bridge.net.errors import DeviceGone, DeviceIdle, DialFailed, NetClosed, NetError
from bridge.net.guard import run_guarded
from bridge.net.listen import Listener, open_listeners
from bridge.net.pump import DevicePump
from bridge.net.stream import Stream
from bridge.net.systemd import notify
from bridge.net.tls import ServerTls, client_context

__all__ = [
    "DeviceGone",
    "DeviceIdle",
    "DevicePump",
    "DialFailed",
    "Listener",
    "NetClosed",
    "NetError",
    "ServerTls",
    "Stream",
    "client_context",
    "dial",
    "notify",
    "open_listeners",
    "run_guarded",
    "secure",
]
