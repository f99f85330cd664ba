"""The pump: order, limits, and devices that stall, end their half, or vanish."""

import socket
import ssl
import struct

import pytest
import trio
import trio.testing

from bridge.net import DeviceGone, DeviceIdle, DevicePump, NetClosed, Stream
from bridge.net.pump import READ_AHEAD
from tests.net.pairs import DEVICE, memory_pair, socket_pair, tcp_pair

IDLE = 600


class Flood(trio.abc.Stream):
    """A device that always has more to say."""

    def __init__(self) -> None:
        self.given = 0

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        assert max_bytes is not None
        self.given += max_bytes
        return b"x" * max_bytes

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


def reset(stream: trio.SocketStream) -> None:
    """Vanish as a device does that is switched off and on again."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()


async def test_input_comes_in_order_and_its_end_last() -> None:
    async with memory_pair() as (ours, device), DevicePump(ours, IDLE) as pump:
        await device.send_all(b"STAT\r\n")
        assert await pump.receive() == b"STAT\r\n"
        await device.send_all(b"LIST\r\n")
        await device.send_all(b"QUIT\r\n")
        await device.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert await pump.receive() == b"LIST\r\nQUIT\r\n"
        assert await pump.receive() == b""
        assert await pump.receive() == b""


async def test_a_device_that_ended_its_half_still_gets_its_replies() -> None:
    async with tcp_pair() as (ours, device), DevicePump(ours, IDLE) as pump:
        await device.send_all(b"QUIT\r\n")
        await device.send_eof()
        await trio.testing.wait_all_tasks_blocked()
        assert await pump.receive() == b"QUIT\r\n"
        await pump.send(b"+OK goodbye\r\n")
        assert await pump.receive() == b""
        await pump.send(b"late\r\n")
        await pump.close()
        assert await device.receive_some() == b"+OK goodbye\r\nlate\r\n"
        assert await device.receive_some() == b""


async def test_no_more_than_two_kibibytes_are_taken_at_once() -> None:
    flood = Flood()
    async with DevicePump(Stream(flood, DEVICE), IDLE) as pump:
        await trio.testing.wait_all_tasks_blocked()
        assert flood.given == 0
        assert len(await pump.receive()) == READ_AHEAD
        assert flood.given == READ_AHEAD


async def speak_and_fall_silent(*pauses: float) -> None:
    """Have a device say something after each of these pauses, and then nothing more."""
    async with memory_pair() as (ours, device), DevicePump(ours, IDLE) as pump:
        for pause in pauses:
            await trio.sleep(pause)
            await device.send_all(b"NOOP\r\n")
            assert await pump.receive() == b"NOOP\r\n"
        await pump.receive()


async def test_silence_ends_the_block_after_the_idle_time(autojump_clock: trio.testing.MockClock) -> None:
    with pytest.raises(DeviceIdle):
        await speak_and_fall_silent(0)
    assert trio.current_time() == IDLE


async def test_each_word_of_the_device_gives_it_the_idle_time_again(autojump_clock: trio.testing.MockClock) -> None:
    with pytest.raises(DeviceIdle):
        await speak_and_fall_silent(IDLE - 1, IDLE - 1, 0.5)
    # Never earlier; and so little later that nobody minds.
    assert IDLE <= trio.current_time() - (2 * IDLE - 1.5) <= IDLE + 1


async def test_a_device_that_is_reset_during_a_long_send_is_gone() -> None:
    async with tcp_pair() as (ours, device), DevicePump(ours, IDLE) as pump:
        with pytest.RaisesGroup(DeviceGone):
            async with trio.open_nursery() as sending:
                sending.start_soon(pump.send, bytes(50_000_000))
                await trio.testing.wait_all_tasks_blocked()
                assert pump.sending
                reset(device)
        assert not pump.sending
        with pytest.raises(DeviceGone):
            await pump.send(b"more")


async def test_what_the_kernel_takes_at_once_costs_no_switch_to_another_task() -> None:
    async with tcp_pair() as (ours, _device), DevicePump(ours, IDLE) as pump, trio.open_nursery() as nursery:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await trio.lowlevel.checkpoint()

        nursery.start_soon(other)
        await trio.lowlevel.checkpoint()
        before = turns
        for _ in range(20):
            await pump.send(b"+OK\r\n")
        assert turns == before
        for _ in range(9):
            await pump.send(bytes(16_384))
        assert turns > before  # others are not kept waiting by one that pipelines
        nursery.cancel_scope.cancel()


async def test_what_a_device_said_before_it_vanished_is_heard() -> None:
    async with tcp_pair() as (ours, device), DevicePump(ours, IDLE) as pump:
        await device.send_all(b"QUIT\r\n")
        await trio.testing.wait_all_tasks_blocked()
        reset(device)
        assert await pump.receive() == b"QUIT\r\n"
        with pytest.raises(DeviceGone):
            await pump.receive()


async def test_a_device_that_takes_nothing_is_cut_after_the_idle_time(autojump_clock: trio.testing.MockClock) -> None:
    async def send() -> None:
        async with socket_pair() as (ours, _device), DevicePump(ours, IDLE) as pump:
            await pump.send(bytes(1_000_000))

    with pytest.raises(DeviceGone, match="took nothing"):
        await send()
    assert trio.current_time() == IDLE


async def test_a_slow_device_is_as_good_as_any(autojump_clock: trio.testing.MockClock) -> None:
    async with socket_pair() as (ours, device):
        got = 0

        async def dribble() -> None:
            nonlocal got
            while got < 60_000:
                await trio.sleep(IDLE - 1)
                got += len(await device.receive_some(65_536))

        async with DevicePump(ours, IDLE) as pump, trio.open_nursery() as nursery:
            nursery.start_soon(dribble)
            await pump.send(bytes(60_000))
            assert trio.current_time() > 2 * IDLE
            assert pump.last_heard > trio.current_time() - IDLE
        assert got == 60_000


async def test_the_pump_knows_when_a_reply_is_outstanding(autojump_clock: trio.testing.MockClock) -> None:
    async with memory_pair() as (ours, device):

        async def speak() -> None:
            await trio.sleep(5)
            assert not pump.reply_outstanding
            await device.send_all(b"STAT\r\n")

        async with DevicePump(ours, IDLE) as pump, trio.open_nursery() as nursery:
            assert pump.reply_outstanding
            nursery.start_soon(speak)
            await pump.receive()
            assert pump.reply_outstanding
            assert pump.last_heard == 5


async def test_cancelling_passes_through_and_loses_no_input() -> None:
    async with memory_pair() as (ours, device), DevicePump(ours, IDLE) as pump:
        with trio.CancelScope() as scope:
            scope.cancel()
            await pump.receive()
        assert scope.cancelled_caught
        await device.send_all(b"STAT\r\n")
        assert await pump.receive() == b"STAT\r\n"
        with trio.CancelScope() as scope:
            scope.cancel()
            await pump.send(b"+OK\r\n")
        assert scope.cancelled_caught


async def test_the_blocks_own_exception_comes_out_as_it_is() -> None:
    async with memory_pair() as (ours, _):
        with pytest.raises(DeviceGone) as caught:
            async with DevicePump(ours, IDLE):
                raise DeviceGone("told") from NetClosed("cause")
        assert isinstance(caught.value.__cause__, NetClosed)


async def test_closing_with_unread_input_does_not_lose_the_last_reply() -> None:
    async with tcp_pair() as (ours, device), DevicePump(ours, IDLE) as pump:
        await device.send_all(b"QUIT\r\n" + b"x" * 20_000)
        await pump.receive()
        async with trio.open_nursery() as nursery:
            await pump.send(b"+OK goodbye\r\n")
            nursery.start_soon(pump.close)
            await trio.testing.wait_all_tasks_blocked()
            assert await device.receive_some() == b"+OK goodbye\r\n"
            assert await device.receive_some() == b""
            await device.aclose()


async def test_closing_waits_for_a_device_only_so_long(autojump_clock: trio.testing.MockClock) -> None:
    async with tcp_pair() as (ours, _device), DevicePump(ours, IDLE) as pump:
        await pump.close()
        assert trio.current_time() == 1
        with pytest.raises(DeviceGone):
            await pump.send(b"late")


async def test_what_has_arrived_is_known_also_when_the_device_vanished() -> None:
    async with tcp_pair() as (ours, device), DevicePump(ours, IDLE) as pump:
        await pump.send(b"x" * 1000)
        await device.send_all(b"NOOP\r\n")  # what the device sends confirms what it has got
        await pump.receive()
        assert (pump.sent, pump.confirmed) == (1000, 1000)
        with trio.CancelScope() as stuck:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(pump.send, b"x" * 64_000_000)
                await trio.testing.wait_all_tasks_blocked(0.05)
                stuck.cancel()
        assert 1000 <= pump.confirmed < pump.sent < 64_000_000
        arrived = pump.confirmed
        reset(device)
        with pytest.raises(DeviceGone):
            await pump.receive()
        assert pump.confirmed == arrived


async def test_tls_counts_what_is_on_the_wire(server_side: ssl.SSLContext, client_side: ssl.SSLContext) -> None:
    async with tcp_pair() as (ours, device), DevicePump(ours, IDLE) as pump, trio.open_nursery() as nursery:
        nursery.start_soon(pump.start_tls, server_side, 10)
        secure = trio.SSLStream(device, client_side, server_hostname="localhost", https_compatible=True)
        await secure.do_handshake()
        await trio.testing.wait_all_tasks_blocked()
        before = pump.sent
        await pump.send(b"x" * 1000)
        await secure.send_all(b"NOOP\r\n")
        await pump.receive()
        assert before + 1000 < pump.sent == pump.confirmed


async def test_what_went_out_in_parts_is_counted_whole() -> None:
    async with socket_pair() as (ours, device), DevicePump(ours, IDLE) as pump, trio.open_nursery() as nursery:
        nursery.start_soon(pump.send, b"x" * 100_000)
        taken = 0
        while taken < 100_000:
            taken += len(await device.receive_some())
        assert pump.sent == pump.confirmed == 100_000
