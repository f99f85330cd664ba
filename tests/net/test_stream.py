"""Streams fail by their own names only, and pass Cancelled on."""

import pytest
import trio
import trio.testing

from bridge.net import NetClosed
from tests.net.pairs import memory_pair, tcp_pair


async def test_who_waits_on_an_aborted_stream_hears_of_it() -> None:
    async with tcp_pair() as (ours, _):
        with pytest.RaisesGroup(NetClosed):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ours.receive_some)
                await trio.testing.wait_all_tasks_blocked()
                ours.abort()
        ours.abort()
        with pytest.raises(NetClosed):
            await ours.send_all(b"late")


async def test_everything_is_sent_through_small_buffers() -> None:
    async with tcp_pair() as (ours, device), trio.open_nursery() as nursery:
        sent = bytes(range(256)) * 100_000
        nursery.start_soon(ours.send_all, sent)
        got = bytearray()
        while len(got) < len(sent):
            got += await device.receive_some()
        assert got == sent


async def test_a_close_that_is_cancelled_still_closes() -> None:
    async with tcp_pair() as (ours, device):
        with trio.CancelScope() as scope:
            scope.cancel()
            await ours.aclose()
        assert scope.cancelled_caught
        assert await device.receive_some() == b""


async def test_aborting_ends_streams_that_are_no_sockets_too() -> None:
    async with memory_pair() as (ours, device):
        ours.abort()
        assert await device.receive_some() == b""
