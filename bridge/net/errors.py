"""How connections fail."""

from bridge.model.failures import BridgeError


class NetError(BridgeError):
    """A connection could not be had or kept; the sentence says why."""


class NetClosed(NetError):
    """The other side closed or reset the connection."""


class DialFailed(NetError):
    """A server could not be reached, or not be trusted."""


class DeviceGone(NetError):
    """The device closed, reset, or took no octet for too long."""


class DeviceIdle(NetError):
    """The device said nothing for too long (RFC 1939 §3: close without a reply, and without UPDATE)."""
