"""PROXY headers, right ones and wrong ones, written as section 2 of proxy-protocol.txt has them."""

from ipaddress import ip_address

SIGNATURE = bytes.fromhex("0D0A0D0A000D0A515549540A")


def v2(command: int, kind: int, block: bytes, version: int = 2) -> bytes:
    """Write a header of version 2."""
    return SIGNATURE + bytes([version << 4 | command, kind]) + len(block).to_bytes(2) + block


def tlv(kind: int, value: bytes) -> bytes:
    """Write one TLV."""
    return bytes([kind]) + len(value).to_bytes(2) + value


def addresses(source: str, port: int, target: str = "", target_port: int = 995) -> bytes:
    """Write the addresses of a TCP connection."""
    ends = (ip_address(source).packed, ip_address(target or source).packed)
    return b"".join(ends) + port.to_bytes(2) + target_port.to_bytes(2)


def tcp4(source: str = "192.0.2.7", port: int = 40_000, tlvs: bytes = b"") -> bytes:
    """Write a header of a connection over IPv4."""
    return v2(1, 0x11, addresses(source, port, "198.51.100.1") + tlvs)


def tls(version: str = "TLSv1.2", cipher: str = "", client: int = 1) -> bytes:
    """Write the TLV that tells of TLS at the proxy."""
    inner = tlv(0x21, version.encode()) + (tlv(0x23, cipher.encode()) if cipher else b"")
    return tlv(0x20, bytes([client]) + bytes(4) + inner)
