"""What is let in through a proxy, and what may pass from it in clear."""

import io
from collections.abc import Iterator

import pytest
import trio
from trio.testing import MockClock

from bridge.model.peer import Peer, Relay
from bridge.model.settings import PlaintextLogin, ServerSettings
from bridge.net import Stream
from bridge.session import Gate, introduced
from bridge.session.gate import MOST_ANNOUNCING
from bridge.session.reception import clear_enough
from bridge.telemetry import configure
from tests.net.headers import tcp4
from tests.net.pairs import memory_pair


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Give all lines of the log."""
    stream = io.StringIO()
    configure(stream=stream)
    yield stream
    configure()


def gate(**server: float) -> Gate:
    return Gate(ServerSettings("/nowhere", "/nowhere", **server))  # type: ignore[arg-type]


@pytest.mark.parametrize(("login_timeout", "waits"), [(180, 10.0), (4, 4.0)])
async def test_a_header_that_does_not_come_is_waited_for_no_longer_than_a_login(
    autojump_clock: MockClock, log: io.StringIO, login_timeout: float, waits: float
) -> None:
    async with memory_pair() as (ours, _):
        began = trio.current_time()
        assert not await introduced(ours, gate(login_timeout=login_timeout))
        assert trio.current_time() - began == waits
    assert f'problem="no PROXY header came within {waits:g} s"' in log.getvalue()


async def test_where_there_is_no_room_nobody_is_asked(autojump_clock: MockClock, log: io.StringIO) -> None:
    full = gate(max_sessions=0)
    async with trio.open_nursery() as nursery, memory_pair() as (ours, proxy):
        await proxy.send_all(tcp4())
        # Some may say whose they are; it is then that the gate lets them in, or not.
        assert await introduced(ours, full)
        for _ in range(MOST_ANNOUNCING):
            nursery.start_soon(_wait, full)
        await trio.testing.wait_all_tasks_blocked()
        assert not await introduced(ours, full)
        nursery.cancel_scope.cancel()
    assert "connection.refused level=warning" in log.getvalue()
    assert "limit=max_sessions" in log.getvalue()


async def _wait(full: Gate) -> None:
    async with memory_pair() as (ours, _):
        await introduced(ours, full)


HERE, OFFICE, ABROAD = Peer("127.0.0.1", 1), Peer("10.0.0.2", 1), Peer("203.0.113.1", 1)

MAY: list[tuple[PlaintextLogin, Peer, Relay | None, bool]] = [
    ("never", HERE, None, False),
    ("private", OFFICE, None, True),
    ("private", ABROAD, None, False),
    ("always", ABROAD, None, True),
    # Behind a proxy both lines count: from it to here, and before it.
    ("private", OFFICE, Relay(HERE, "device"), True),
    ("private", OFFICE, Relay(OFFICE, "device"), True),
    ("private", OFFICE, Relay(ABROAD, "device"), False),
    ("private", ABROAD, Relay(OFFICE, "device"), False),
    ("private", ABROAD, Relay(OFFICE, "device", "TLSv1.2"), True),
    ("private", ABROAD, Relay(ABROAD, "device", "TLSv1.2"), False),
    ("private", OFFICE, Relay(OFFICE, "unknown"), False),
    ("private", OFFICE, Relay(OFFICE, "own"), True),
    ("never", OFFICE, Relay(HERE, "device"), False),
    ("never", ABROAD, Relay(HERE, "device", "TLSv1.2"), True),
    ("never", ABROAD, Relay(OFFICE, "device", "TLSv1.2"), False),
    ("always", ABROAD, Relay(ABROAD, "unknown"), True),
]


@pytest.mark.parametrize(("policy", "device", "relay", "may"), MAY)
async def test_what_may_pass_in_clear(policy: PlaintextLogin, device: Peer, relay: Relay | None, may: bool) -> None:
    ours, _ = trio.testing.memory_stream_pair()
    stream = Stream(ours, device)
    stream.relay = relay
    assert clear_enough(policy, stream) == may
