"""Who is at the other end of a connection."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Literal, NamedTuple


class Peer(NamedTuple):
    """The address a device connects from; `port` 0 where there is none."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


PRIVATE = tuple(
    ip_network(text)
    for text in ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10")
)
"""Loopback, RFC 1918 §3, RFC 4193 §3.1, and link-local IPv6, which never leaves the wire it is on."""


HOSTS = 1024
"""Addresses of which it is kept what they are: devices come back, and reading an address takes as long as a command."""


def private_peer(peer: Peer) -> bool:
    """True for an address on loopback or a private network, where a password may pass in clear."""
    return _private(peer.host)


def this_machine(peer: Peer) -> bool:
    """True for an address on loopback."""
    return _read(peer.host).is_loopback


def within(peer: Peer, networks: Iterable[str]) -> bool:
    """True for an address in any of these networks, which are CIDR texts."""
    address = _read(peer.host)
    return any(address in ip_network(network) for network in networks)


def plain_host(address: IPv4Address | IPv6Address) -> str:
    """Write an address; one of IPv4 within IPv6 as the IPv4 address that it is."""
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


class Relay(NamedTuple):
    """A proxy between a device and us, and what it says of the device: `device` it is another's connection, `unknown`
    it does not say whose, `own` it is the proxy's, such as a health check. `tls` is what protects the line between the
    two, empty for nothing.
    """

    proxy: Peer
    whose: Literal["device", "unknown", "own"]
    tls: str = ""


@lru_cache(HOSTS)
def _private(host: str) -> bool:
    address = _read(host)
    return any(address in network for network in PRIVATE if network.version == address.version)


@lru_cache(HOSTS)
def _read(host: str) -> IPv4Address | IPv6Address:
    address = ip_address(host.partition("%")[0])
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address
