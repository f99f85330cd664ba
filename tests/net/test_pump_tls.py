"""TLS under the pump: STLS, half-closes, closes."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from bridge.net import DevicePump, NetError, Stream
from tests.net.pairs import memory_pair, tcp_pair

IDLE = 600
DEADLINE = 30


def as_device(device: trio.abc.Stream, context: ssl.SSLContext) -> "trio.SSLStream[trio.abc.Stream]":
    return trio.SSLStream(device, context, server_hostname="localhost")


@asynccontextmanager
async def after_stls(
    stream: Stream, device: trio.abc.Stream, server_side: ssl.SSLContext, client_side: ssl.SSLContext
) -> AsyncIterator[tuple[DevicePump, "trio.SSLStream[trio.abc.Stream]"]]:
    async with DevicePump(stream, IDLE) as pump:
        secure = as_device(device, client_side)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(secure.do_handshake)
            await pump.start_tls(server_side, DEADLINE)
        yield pump, secure


async def test_both_sides_talk_inside_tls(server_side: ssl.SSLContext, client_side: ssl.SSLContext) -> None:
    async with (
        memory_pair() as (ours, device),
        after_stls(ours, device, server_side, client_side) as (pump, secure),
    ):
        assert ours.tls
        assert ours.tls_version == "TLSv1.3"
        await secure.send_all(b"CAPA\r\n")
        assert await pump.receive() == b"CAPA\r\n"
        await pump.send(b"+OK" * 50_000)
        got = b""
        while len(got) < 150_000:
            got += await secure.receive_some()
        assert got == b"+OK" * 50_000


async def test_what_came_behind_stls_is_dropped(server_side: ssl.SSLContext, client_side: ssl.SSLContext) -> None:
    async with tcp_pair() as (ours, device), DevicePump(ours, IDLE) as pump:
        await device.send_all(b"STLS\r\n")
        assert await pump.receive() == b"STLS\r\n"
        await device.send_all(b"USER evil\r\n")
        pump.drop_input()
        await pump.send(b"+OK begin\r\n")
        assert await device.receive_some() == b"+OK begin\r\n"
        secure = as_device(device, client_side)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pump.start_tls, server_side, DEADLINE)
            await secure.do_handshake()
        await secure.send_all(b"CAPA\r\n")
        assert await pump.receive() == b"CAPA\r\n"


async def test_a_device_may_begin_its_handshake_before_we_get_to_it(
    server_side: ssl.SSLContext, client_side: ssl.SSLContext
) -> None:
    async with memory_pair() as (ours, device), DevicePump(ours, IDLE) as pump:
        await pump.send(b"+OK begin\r\n")
        assert await device.receive_some() == b"+OK begin\r\n"
        secure = as_device(device, client_side)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(secure.do_handshake)
            await trio.testing.wait_all_tasks_blocked()
            await pump.start_tls(server_side, DEADLINE)
        await secure.send_all(b"CAPA\r\n")
        assert await pump.receive() == b"CAPA\r\n"


async def test_commands_in_clear_behind_the_reply_are_never_heard(server_side: ssl.SSLContext) -> None:
    async with memory_pair() as (ours, device), DevicePump(ours, IDLE) as pump:
        await pump.send(b"+OK begin\r\n")
        await device.send_all(b"USER evil\r\nPASS evil\r\n")
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(NetError, match="does not speak TLS"):
            await pump.start_tls(server_side, DEADLINE)


async def test_an_end_without_close_notify_still_gets_its_replies(
    server_side: ssl.SSLContext, client_side: ssl.SSLContext
) -> None:
    async with (
        memory_pair() as (ours, device),
        after_stls(ours, device, server_side, client_side) as (pump, secure),
    ):
        await secure.send_all(b"QUIT\r\n")
        await device.send_eof()
        await trio.testing.wait_all_tasks_blocked()
        assert await pump.receive() == b"QUIT\r\n"
        assert await pump.receive() == b""
        await pump.send(b"+OK goodbye\r\n")
        assert await secure.receive_some() == b"+OK goodbye\r\n"


async def test_an_end_with_close_notify_comes_behind_the_input(
    server_side: ssl.SSLContext, client_side: ssl.SSLContext
) -> None:
    async with (
        memory_pair() as (ours, device),
        after_stls(ours, device, server_side, client_side) as (pump, secure),
        trio.open_nursery() as nursery,
    ):
        await secure.send_all(b"QUIT\r\n")
        nursery.start_soon(secure.unwrap)
        assert await pump.receive() == b"QUIT\r\n"
        assert await pump.receive() == b""
        await pump.send(b"")
        await pump.close()


async def test_closing_says_so_inside_tls(server_side: ssl.SSLContext, client_side: ssl.SSLContext) -> None:
    async with (
        tcp_pair() as (ours, device),
        after_stls(ours, device, server_side, client_side) as (pump, secure),
    ):
        await pump.send(b"+OK goodbye\r\n")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pump.close)
            assert await secure.receive_some() == b"+OK goodbye\r\n"
            # A client that is strict about ends raises here when close_notify is missing.
            assert await secure.receive_some() == b""
            await device.aclose()


async def test_a_handshake_has_a_deadline(server_side: ssl.SSLContext, autojump_clock: trio.testing.MockClock) -> None:
    async with memory_pair() as (ours, _), DevicePump(ours, IDLE) as pump:
        with pytest.raises(NetError, match="longer than 30 s"):
            await pump.start_tls(server_side, DEADLINE)
        assert trio.current_time() == DEADLINE


async def test_a_device_that_goes_during_the_handshake_is_told_as_that(server_side: ssl.SSLContext) -> None:
    async with memory_pair() as (ours, device), DevicePump(ours, IDLE) as pump:
        await device.aclose()
        with pytest.raises(NetError, match="closed the connection"):
            await pump.start_tls(server_side, DEADLINE)
