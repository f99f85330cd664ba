"""Who is at the other end of a connection."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import NamedTuple


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


@lru_cache(HOSTS)
def _private(host: str) -> bool:
    address = ip_address(host.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in PRIVATE if network.version == address.version)
