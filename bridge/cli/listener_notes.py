"""What `check` notes about listeners: certificates that end, what a legacy one means, who is believed for a proxy."""

from collections.abc import Iterator
from ipaddress import ip_address, ip_network

from bridge.model.failures import BridgeError
from bridge.model.peer import PRIVATE
from bridge.model.settings import ListenerSettings, Settings

WIDE = 16
"""Addresses from which on a network is more than a few proxies: a /28."""


def listener_notes(settings: Settings, now: float) -> Iterator[str]:
    """Give sentences, each with the listener that it is about. Reads certificates."""
    for position, listener in enumerate(settings.listeners, 1):
        sentences = (*_certificates(listener, now), *_legacy(listener, settings), *_proxies(listener))
        yield from (f"listener.{position}: {sentence}" for sentence in sentences)


def _certificates(listener: ListenerSettings, now: float) -> Iterator[str]:
    from bridge.net.certificates import shown_certificates

    if listener.tls == "none":
        return
    try:
        shown = shown_certificates(listener)
    except BridgeError as failure:
        yield str(failure)
        return
    yield from filter(None, (certificate.problem(now) for certificate in shown))
    if listener.tls_profile == "legacy" and not any(certificate.kind.startswith("RSA") for certificate in shown):
        yield "no certificate of it has an RSA key, and most old devices know no other (`popbridge certificate`)"


def _legacy(listener: ListenerSettings, settings: Settings) -> Iterator[str]:
    if listener.tls_profile != "legacy" or listener.tls == "none":
        return
    yield (
        'tls_profile = "legacy" takes TLS 1.0 and 1.1, CBC with SHA-1, and keys that can be found out later by whoever'
        " has the certificate's: it is for devices that know nothing else, and no other should be pointed at it"
    )
    if not _private(listener) and not listener.proxy_protocol:
        yield "it is not bound to a private address: bind it to the network where the old devices are"
    everywhere = [device.name for device in settings.devices.values() if not device.networks]
    if everywhere:
        yield f"{', '.join(everywhere)} may log in there from any network (`networks`)"


def _private(listener: ListenerSettings) -> bool:
    try:
        address = ip_address(listener.host)
    except ValueError:  # a name, or a socket of systemd's
        return listener.host == "localhost"
    return any(address in network for network in PRIVATE if network.version == address.version)


def _proxies(listener: ListenerSettings) -> Iterator[str]:
    for text in listener.proxy_protocol:
        if ip_network(text).num_addresses > WIDE:
            yield f"proxy_protocol: whoever connects from {text} may say that it is somebody else: name only proxies"
