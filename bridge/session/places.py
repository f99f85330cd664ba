"""Which peers count as private: where `plaintext_login = "private"` lets a password pass in clear."""

from ipaddress import IPv6Address, ip_address, ip_network

from bridge.model.peer import Peer

PRIVATE = tuple(
    ip_network(text)
    for text in ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10")
)
"""Loopback, RFC 1918 §3, RFC 4193 §3.1, and link-local IPv6, which never leaves the wire it is on."""


def private_peer(peer: Peer) -> bool:
    """True for a device on loopback or a private network."""
    address = ip_address(peer.host.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in PRIVATE if network.version == address.version)


def peer_group(peer: Peer) -> str:
    """Give what limits per address count together: an IPv4 address, or an IPv6 /64."""
    address = ip_address(peer.host.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return str(address.ipv4_mapped)
    if isinstance(address, IPv6Address):
        return str(ip_network((int(address) >> 64 << 64, 64)))
    return str(address)
