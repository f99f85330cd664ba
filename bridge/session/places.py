"""Which peers count together where there are limits per address."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from bridge.model.peer import HOSTS, Peer


def peer_group(peer: Peer) -> str:
    """Give what limits per address count together: an IPv4 address, or an IPv6 /64."""
    return _group(peer.host)


@lru_cache(HOSTS)
def _group(host: str) -> str:
    address = ip_address(host.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return str(address.ipv4_mapped)
    if isinstance(address, IPv6Address):
        return str(ip_network((int(address) >> 64 << 64, 64)))
    return str(address)
