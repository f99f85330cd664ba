"""The ways to log in: what each is called on the wire, and what of a password it takes to check it."""

from collections.abc import Mapping
from typing import Literal

from bridge.model.secret import Secret
from bridge.model.settings import DeviceSettings, ListenerSettings, ScramVerifier, Way

MECHANISMS: Mapping[Way, str] = {
    "plain": "PLAIN",
    "login": "LOGIN",
    "scram-sha-256": "SCRAM-SHA-256",
    "scram-sha-1": "SCRAM-SHA-1",
    "cram-md5": "CRAM-MD5",
}
"""SASL's names for them. APOP is a command of its own."""

SCRAM: Mapping[str, Literal["SHA-1", "SHA-256"]] = {"scram-sha-256": "SHA-256", "scram-sha-1": "SHA-1"}

IN_CLEAR: frozenset[Way] = frozenset({"plain", "login"})
"""Ways that send the password itself. Where a device may use one of them it may use the other."""


def allows(device: DeviceSettings, way: Way) -> bool:
    """Tell whether a device may log in so."""
    return way in device.auth or (way in IN_CLEAR and not IN_CLEAR.isdisjoint(device.auth))


def offered(listener: ListenerSettings) -> tuple[Way, ...]:
    """Give the ways that some device may use there: where no password may pass, those that send none. A proxy may have
    had TLS.
    """
    clear = listener.tls == "none" and listener.plaintext_login == "never" and not listener.proxy_protocol
    return tuple(way for way in listener.auth if way not in IN_CLEAR or not clear)


def checkable(device: DeviceSettings, way: Way) -> bool:
    """Tell whether enough is known of a device's password to check it when it logs in so."""
    if way in IN_CLEAR or isinstance(device.password, Secret):
        return True
    return way in SCRAM and scram_verifier(device, SCRAM[way]) is not None


def scram_verifier(device: DeviceSettings, hash_: Literal["SHA-1", "SHA-256"]) -> ScramVerifier | None:
    """Give what there is for SCRAM with this hash."""
    return next((each for each in device.scram if each.hash == hash_), None)


def recoverable(device: DeviceSettings) -> bool:
    """Tell whether the password itself is kept, in whatever form, rather than a hash of it."""
    return isinstance(device.password, Secret)
