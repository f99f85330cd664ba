"""The PROXY protocol's header: fed whole, octet by octet and with a tail, it says the same."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model.peer import Peer
from bridge.net.proxy_header import LONGEST_BLOCK, Header, HeaderReader, NotAHeader
from tests.net.headers import SIGNATURE, addresses, tcp4, tls, tlv, v2

DEVICE = Peer("192.0.2.7", 40_000)

RIGHT = {
    # Section 2.1, with its own example and its worst cases.
    "TCP4": (b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n", Header(Peer("192.168.0.1", 56324))),
    "TCP4 longest": (
        b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
        Header(Peer("255.255.255.255", 65535)),
    ),
    "TCP6": (b"PROXY TCP6 2001:DB8::1 ::1 1 0\r\n", Header(Peer("2001:db8::1", 1))),
    "TCP6 longest": (
        b"PROXY TCP6 " + b":".join([b"ffff"] * 8) + b" " + b":".join([b"ffff"] * 8) + b" 65535 65535\r\n",
        Header(Peer(":".join(["ffff"] * 8), 65535)),
    ),
    "TCP6 that is IPv4": (b"PROXY TCP6 ::ffff:192.0.2.7 ::1 40000 995\r\n", Header(DEVICE)),
    "UNKNOWN": (b"PROXY UNKNOWN\r\n", Header()),
    "UNKNOWN with a rest": (b"PROXY UNKNOWN \xff junk  of\0 any kind\r\n", Header()),
    "UNKNOWN longest": (b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n", Header()),
    # Section 2.2.
    "LOCAL": (v2(0, 0x00, b""), Header(own=True)),
    "LOCAL with addresses": (v2(0, 0x11, addresses("192.0.2.7", 1)), Header(own=True)),
    "LOCAL with an unknown family and a rest": (v2(0, 0xFF, b"\xff" * 30), Header(own=True)),
    "v2 TCP4": (tcp4(), Header(DEVICE)),
    "v2 TCP6": (v2(1, 0x21, addresses("2001:db8::1", 65535)), Header(Peer("2001:db8::1", 65535))),
    "v2 TCP6 that is IPv4": (v2(1, 0x21, addresses("::ffff:192.0.2.7", 40_000)), Header(DEVICE)),
    "v2 UDP4": (v2(1, 0x12, addresses("192.0.2.7", 1)), Header()),
    "v2 UNIX": (v2(1, 0x31, b"/run/x".ljust(108, b"\0") * 2), Header()),
    "v2 UNSPEC": (v2(1, 0x00, b""), Header()),
    "v2 UNSPEC with a rest": (v2(1, 0x00, b"\xff\xff\xff"), Header()),
    "TLVs of other kinds": (tcp4(tlvs=tlv(4, b"") + tlv(5, b"id") + tlv(0xEA, b"\0" * 999)), Header(DEVICE)),
    "TLS": (
        tcp4(tlvs=tlv(1, b"pop3") + tls("TLSv1.3", "TLS_AES_128_GCM_SHA256") + tlv(4, b"")),
        Header(DEVICE, tls="TLSv1.3/TLS_AES_128_GCM_SHA256"),
    ),
    "TLS that tells no version": (tcp4(tlvs=tlv(0x20, b"\x01\0\0\0\0")), Header(DEVICE, tls="TLS")),
    "no TLS": (tcp4(tlvs=tls(client=0)), Header(DEVICE)),
    "a version that would break the log": (tcp4(tlvs=tls("x\ny=1")), Header(DEVICE, tls="TLS")),
    "longest block": (tcp4(tlvs=tlv(4, bytes(LONGEST_BLOCK - 12 - 3))), Header(DEVICE)),
}

WRONG = {
    "a device": b"USER fax\r\n",
    "TLS": b"\x16\x03\x01\x02\x00",
    "lower case": b"proxy TCP4 192.0.2.7 192.0.2.8 1 2\r\n",
    "nothing but the word": b"PROXY\r\n",
    "two blanks": b"PROXY TCP4  192.0.2.7 192.0.2.8 1 2\r\n",
    "a blank at the end": b"PROXY TCP4 192.0.2.7 192.0.2.8 1 2 \r\n",
    "too little": b"PROXY TCP4 192.0.2.7 192.0.2.8 1\r\n",
    "an unknown protocol": b"PROXY UDP4 192.0.2.7 192.0.2.8 1 2\r\n",
    "UNKNOWN with more letters": b"PROXY UNKNOWNS\r\n",
    "LF alone": b"PROXY TCP4 192.0.2.7 192.0.2.8 1 2\n",
    "CR in between": b"PROXY UNKNOWN \r \r\n",
    "two CRs": b"PROXY UNKNOWN\r\r\n",
    "too long": b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n",
    "no end": b"PROXY UNKNOWN " + b"x" * 200,
    "leading zeros": b"PROXY TCP4 192.0.02.7 192.0.2.8 1 2\r\n",
    "the other family": b"PROXY TCP4 ::1 ::1 1 2\r\n",
    "a zone": b"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
    "a name": b"PROXY TCP4 localhost 192.0.2.8 1 2\r\n",
    "a wrong target": b"PROXY TCP4 192.0.2.7 192.0.2 1 2\r\n",
    "a port too high": b"PROXY TCP4 192.0.2.7 192.0.2.8 65536 2\r\n",
    "a port with a zero before it": b"PROXY TCP4 192.0.2.7 192.0.2.8 01 2\r\n",
    "a port with a sign": b"PROXY TCP4 192.0.2.7 192.0.2.8 +1 2\r\n",
    "a wrong target port": b"PROXY TCP4 192.0.2.7 192.0.2.8 1 x\r\n",
    "digits that are none": "PROXY TCP4 192.0.2.7 192.0.2.8 ١ 2\r\n".encode(),
    "almost a signature": SIGNATURE[:-1] + b"X" + tcp4()[12:],
    "version 1 as binary": v2(1, 0x11, addresses("192.0.2.7", 1), version=1),
    "an unknown command": v2(2, 0x11, addresses("192.0.2.7", 1)),
    "an unknown family": v2(1, 0x41, bytes(100)),
    "an unknown transport": v2(1, 0x13, bytes(100)),
    "shorter than its addresses": v2(1, 0x11, bytes(11)),
    "IPv6 in the length of IPv4": v2(1, 0x21, bytes(12)),
    "a TLV without its length": tcp4(tlvs=b"\x04\0"),
    "a TLV longer than the header": tcp4(tlvs=b"\x04\0\x01"),
    "TLS cut short": tcp4(tlvs=tlv(0x20, b"\x01\0\0\0")),
    "TLS with a TLV cut short": tcp4(tlvs=tlv(0x20, b"\x01\0\0\0\0\x21\0\x07TLS")),
    "too long for anything": v2(1, 0x11, bytes(LONGEST_BLOCK + 1)),
}


def outcome(pieces: list[bytes]) -> tuple[Header, bytes] | None:
    """Give header and rest of what comes in pieces, None for what is refused; it must come to one of these."""
    reader = HeaderReader()
    try:
        for at, piece in enumerate(pieces):
            if header := reader.receive(piece):
                return header, reader.rest + b"".join(pieces[at + 1 :])
    except NotAHeader:
        return None
    raise AssertionError("it waits for more")


def single(octets: bytes) -> list[bytes]:
    return [octets[at : at + 1] for at in range(len(octets))]


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("tail", [b"", b"USER fax\r\n", b"\x16\x03\x01", b"PROXY UNKNOWN\r\n"])
def test_a_header_is_read_however_it_comes(name: str, tail: bytes) -> None:
    octets, header = RIGHT[name]
    assert outcome([octets + tail]) == (header, tail)
    assert outcome(single(octets + tail)) == (header, tail)
    assert outcome([octets[:-1], octets[-1:] + tail]) == (header, tail)


@pytest.mark.parametrize("name", RIGHT)
def test_it_is_waited_for_to_its_last_octet(name: str) -> None:
    octets, _ = RIGHT[name]
    reader = HeaderReader()
    assert all(reader.receive(octet) is None for octet in single(octets[:-1]))
    assert reader.begun


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_header_is_refused_however_it_comes(name: str) -> None:
    octets = WRONG[name]
    # Whatever comes behind it.
    padded = octets + b"\r\n" + bytes(20)
    assert outcome([padded]) is None
    assert outcome(single(padded)) is None


@pytest.mark.parametrize("octets", [b"USER fax\r\n", b"\x16\x03\x01", b"PROXZ", SIGNATURE[:5] + b"x"])
def test_a_stranger_is_known_by_the_first_octet_that_is_wrong(octets: bytes) -> None:
    with pytest.raises(NotAHeader):
        HeaderReader().receive(octets)


@given(
    st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)),
    st.integers(0, 65_535),
    st.lists(st.tuples(st.integers(0, 255).filter(lambda kind: kind != 0x20), st.binary(max_size=40)), max_size=5),
    st.binary(max_size=50),
    st.integers(1, 300),
)
def test_both_versions_tell_the_same(
    source: IPv4Address | IPv6Address, port: int, tlvs: list[tuple[int, bytes]], tail: bytes, size: int
) -> None:
    family = {4: "TCP4", 6: "TCP6"}[source.version]
    text = f"PROXY {family} {source} {source} {port} 110\r\n".encode() + tail
    kind = 0x11 if source.version == 4 else 0x21
    binary = v2(1, kind, addresses(str(source), port) + b"".join(tlv(*each) for each in tlvs)) + tail
    mapped = getattr(source, "ipv4_mapped", None)
    expected = (Header(Peer(str(mapped or source), port)), tail)
    for octets in (text, binary):
        assert outcome([octets[at : at + size] for at in range(0, len(octets), size)]) == expected
