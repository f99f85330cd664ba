"""The PROXY protocol's header, versions 1 and 2, as HAProxy's proxy-protocol.txt has it. No input or output here."""

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import NamedTuple

from bridge.model.peer import Peer, plain_host
from bridge.net.errors import NetError

Version = type[IPv4Address] | type[IPv6Address]

TEXT = b"PROXY "
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"

LONGEST_LINE = 107
"""Octets of version 1's line, its CRLF counted (section 2.1)."""

FIXED = 16
"""Octets of version 2's header before its addresses (section 2.2)."""

LONGEST_BLOCK = 8192
"""Octets of version 2's addresses and TLVs: ours. The header should fit an MSS; a certificate in a TLV takes 2 KB."""

LOCAL, PROXY = 0, 1
INET, INET6, UNIX = 1, 2, 3
STREAM, DATAGRAM = 1, 2
TYPE_SSL, SUBTYPE_SSL_VERSION, SUBTYPE_SSL_CIPHER = 0x20, 0x21, 0x23
CLIENT_SSL = 1
SSL_FIXED = 5
"""Octets of that TLV before the TLVs in it: what there is, and if a certificate was right."""

_WORD = re.compile(rb"[\w.-]{1,64}")
_PORT = re.compile(rb"0|[1-9][0-9]{0,4}")


class NotAHeader(NetError):
    """What came is no PROXY header, or one that nobody may send."""


class Header(NamedTuple):
    """What a header says. `peer` is where the connection comes from, None where that is not told. `own` is true for the
    proxy's own, such as a health check. `tls` tells what protects it up to the proxy, `TLSv1.3` or
    `TLSv1.3/TLS_AES_128_GCM_SHA256`, and is empty for nothing.
    """

    peer: Peer | None = None
    own: bool = False
    tls: str = ""


class HeaderReader:
    """Takes octets in whatever pieces they come, until there is a header; `rest` is then what came behind it."""

    def __init__(self) -> None:
        self.rest = b""
        self._buffer = b""

    @property
    def begun(self) -> bool:
        """True once an octet came."""
        return bool(self._buffer)

    def receive(self, data: bytes) -> Header | None:
        """Give the header, or None while it is not whole. Raises `NotAHeader`, as early as that is certain."""
        self._buffer += data
        if _begins(self._buffer, SIGNATURE):
            return self._binary()
        if _begins(self._buffer, TEXT):
            return self._text()
        raise NotAHeader("what came first is no PROXY header")

    def _text(self) -> Header | None:
        line, end, rest = self._buffer[:LONGEST_LINE].partition(b"\r\n")
        if b"\n" in line or b"\r" in (line if end else line.removesuffix(b"\r")):
            raise NotAHeader("the line of the PROXY header does not end in CRLF")
        if not end:
            if len(self._buffer) >= LONGEST_LINE:
                raise NotAHeader(f"the line of the PROXY header is longer than {LONGEST_LINE} octets")
            return None
        self.rest = rest + self._buffer[LONGEST_LINE:]
        return _line(line)

    def _binary(self) -> Header | None:
        if len(self._buffer) < FIXED:
            return None
        length = int.from_bytes(self._buffer[14:16])
        if length > LONGEST_BLOCK:
            raise NotAHeader(f"the PROXY header is longer than {LONGEST_BLOCK} octets")
        if len(self._buffer) < FIXED + length:
            return None
        block, self.rest = self._buffer[FIXED : FIXED + length], self._buffer[FIXED + length :]
        return _block(self._buffer[12], self._buffer[13], block)


def _begins(octets: bytes, with_what: bytes) -> bool:
    return octets[: len(with_what)] == with_what[: len(octets)]


def _line(line: bytes) -> Header:
    match line.split(b" "):
        case [_, b"UNKNOWN", *_]:
            return Header()
        case [_, b"TCP4" | b"TCP6" as family, source, target, source_port, target_port]:
            version: Version = IPv4Address if family == b"TCP4" else IPv6Address
            _address(version, target)
            _port(target_port)
            return Header(Peer(_address(version, source), _port(source_port)))
        case _:
            raise NotAHeader("the line of the PROXY header is not of the form that the protocol has")


def _address(version: Version, text: bytes) -> str:
    try:
        address = version(text.decode("ascii"))
    except (AddressValueError, UnicodeDecodeError) as failure:
        raise NotAHeader("an address in the PROXY header is none") from failure
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise NotAHeader("an address in the PROXY header has a zone")
    return plain_host(address)


def _port(text: bytes) -> int:
    if not _PORT.fullmatch(text) or int(text) > 65_535:
        raise NotAHeader("a port in the PROXY header is none")
    return int(text)


def _block(version: int, kind: int, block: bytes) -> Header:
    if version >> 4 != 2 or version & 15 not in {LOCAL, PROXY}:
        raise NotAHeader("the PROXY header is of a version, or for a command, that is not known")
    if version & 15 == LOCAL:
        return Header(own=True)
    family, transport = kind >> 4, kind & 15
    if family > UNIX or transport > DATAGRAM:
        raise NotAHeader("the PROXY header is for a family or transport that is not known")
    if family not in {INET, INET6} or transport != STREAM:
        return Header()
    size = 4 if family == INET else 16
    end = 2 * size + 4
    if len(block) < end:
        raise NotAHeader("the PROXY header is shorter than its addresses")
    address: IPv4Address | IPv6Address
    address = IPv4Address(block[:size]) if family == INET else IPv6Address(block[:size])
    port = int.from_bytes(block[2 * size : 2 * size + 2])
    return Header(Peer(plain_host(address), port), tls=_tls(block[end:]))


def _tls(block: bytes) -> str:
    """Look what the TLVs say of TLS; all others are passed over."""
    value = dict(_tlvs(block)).get(TYPE_SSL)
    if value is None:
        return ""
    if len(value) < SSL_FIXED:
        raise NotAHeader("what the PROXY header tells of TLS is cut short")
    told = dict(_tlvs(value[SSL_FIXED:]))
    words = (told.get(SUBTYPE_SSL_VERSION, b""), told.get(SUBTYPE_SSL_CIPHER, b""))
    if not value[0] & CLIENT_SSL:
        return ""
    return "/".join(word.decode() for word in words if _WORD.fullmatch(word)) or "TLS"


def _tlvs(block: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(block):
        end = at + 3 + int.from_bytes(block[at + 1 : at + 3])
        if at + 3 > len(block) or end > len(block):
            raise NotAHeader("a part of the PROXY header is cut short")
        yield block[at], block[at + 3 : end]
        at = end
