"""Which peers count together where there are limits per address."""

from ipaddress import IPv6Address, ip_address, ip_network

from bridge.model.peer import Peer


def peer_group(peer: Peer) -> str:
    """Give what limits per address count together: an IPv4 address, or an IPv6 /64."""
    address = ip_address(peer.host.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return str(address.ipv4_mapped)
    if isinstance(address, IPv6Address):
        return str(ip_network((int(address) >> 64 << 64, 64)))
    return str(address)
