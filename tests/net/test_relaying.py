"""A connection that comes through a proxy is the device's, once the proxy has said so."""

import pytest
import trio
import trio.testing

from bridge.model.peer import Peer, Relay
from bridge.net import NetError, Stream, receive_relay
from tests.net.headers import tcp4, tls, v2
from tests.net.pairs import DEVICE, memory_pair, tcp_pair

PROXY = DEVICE  # whoever connects


async def relayed(octets: bytes) -> Stream:
    """Give the stream behind a header."""
    async with memory_pair() as (ours, proxy):
        await proxy.send_all(octets)
        assert await receive_relay(ours, 60)
        return ours


async def test_the_peer_is_the_device() -> None:
    stream = await relayed(tcp4("198.51.100.9", tlvs=tls("TLSv1.2")) + b"USER fax\r\n")
    assert (stream.peer, stream.address) == (Peer("198.51.100.9", 40_000),) * 2
    assert stream.relay == Relay(PROXY, "device", "TLSv1.2")
    with trio.fail_after(5):
        assert await stream.receive_some(4) == b"USER"
        assert await stream.receive_some() == b" fax\r\n"


async def test_what_came_with_the_header_is_dropped_with_all_other_input() -> None:
    async with tcp_pair() as (ours, proxy):
        await proxy.send_all(tcp4() + b"STLS\r\nQUIT\r\n")
        assert await receive_relay(ours, 60)
        with trio.fail_after(5):
            assert await ours.receive_some(6) == b"STLS\r\n"
        ours.transport.drop_input()
        await proxy.send_all(b"next")
        assert await ours.receive_some() == b"next"


@pytest.mark.parametrize(
    ("octets", "whose"),
    [
        (b"PROXY UNKNOWN\r\n", "unknown"),
        (v2(1, 0x31, bytes(216)), "unknown"),
        (v2(0, 0, b""), "own"),
        (f"PROXY TCP4 {PROXY.host} 127.0.0.1 4 5\r\n".encode(), "own"),
    ],
)
async def test_whose_it_is(octets: bytes, whose: str) -> None:
    stream = await relayed(octets)
    assert stream.peer.host == PROXY.host
    assert stream.relay is not None
    assert stream.relay.whose == whose


async def test_a_proxy_that_only_looks_is_no_failure() -> None:
    async with memory_pair() as (ours, proxy):
        await proxy.aclose()
        assert not await receive_relay(ours, 60)
    async with tcp_pair() as (ours, proxy):
        proxy.socket.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER 0: its close is a reset
        await proxy.aclose()
        assert not await receive_relay(ours, 60)


@pytest.mark.parametrize("octets", [b"", b"PROXY TCP4 ", tcp4()[:20]])
async def test_a_header_must_come_soon(autojump_clock: trio.testing.MockClock, octets: bytes) -> None:
    for seconds, waited in ((60.0, 10.0), (5.0, 5.0)):
        async with memory_pair() as (ours, proxy):
            await proxy.send_all(octets)
            began = trio.current_time()
            with pytest.raises(NetError, match=f"no PROXY header came within {waited:g} s"):
                await receive_relay(ours, seconds)
            assert trio.current_time() - began == waited


async def test_a_header_that_breaks_off_is_told() -> None:
    async with memory_pair() as (ours, proxy):
        await proxy.send_all(b"PROXY TCP")
        await proxy.aclose()
        with pytest.raises(NetError, match="ended within the PROXY header"):
            await receive_relay(ours, 60)
