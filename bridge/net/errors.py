"""How connections fail. Nothing else is raised by this room, whatever the other side does."""

from bridge.model.failures import BridgeError


class NetError(BridgeError):
    """A connection could not be had or kept; the sentence says why."""


class NetClosed(NetError):
    """The other side reset the connection, or it was closed here."""


class DialFailed(NetError):
    """A server could not be reached: which one, why, and what to look at."""


class NotTrusted(DialFailed):
    """A server was reached, but TLS with it cannot be trusted or had."""


class DeviceGone(NetError):
    """The device reset the connection, or took no octet for too long."""


class DeviceIdle(NetError):
    """The device said nothing for too long (RFC 1939 §3: close without a reply, and without UPDATE)."""
