"""What a RETR costs whose message was fetched ahead: counted, never timed."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import trio
import trio.testing

from bridge.model.names import Uid, UidValidity
from bridge.model.places import MailboxKey
from bridge.model.settings import ListenerSettings
from bridge.session.ahead import Sink
from tests.net.pairs import tcp_pair
from tests.session.support import FakeMaildrops, House

MESSAGES = 100
TEXT = b"Subject: one\r\n\r\n" + b"a line of text.\r\n.and one with a dot\r\n" * 200
SENT = len(b"+OK %d octets\r\n" % len(TEXT)) + len(TEXT) + 200 + len(b".\r\n")


class Upstream:
    """Gives at once what is asked for together, and counts how often that was."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, key: MailboxKey, uidvalidity: UidValidity, sink: Sink) -> "Upstream":
        self._sink = sink
        return self

    def ask(self, sizes: Mapping[Uid, int]) -> None:
        self.asked += 1
        for uid in sizes:
            self._sink.arrived(uid, [TEXT])

    def close(self) -> None:
        return


class Steps(trio.abc.Instrument):
    """Counts the steps of the session's task."""

    def __init__(self) -> None:
        self.count = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.count += task.name.endswith("DeviceSession.run")


def calls() -> tuple[int, int]:
    """How often this process has called read(2) and write(2) so far, this look not counted."""
    with Path("/proc/self/io").open("rb", buffering=0) as file:
        lines = dict(line.split(b": ") for line in file.read(4096).splitlines())
    return int(lines[b"syscr"]), int(lines[b"syscw"])


@asynccontextmanager
async def logged_in(upstream: Upstream) -> AsyncIterator[trio.SocketStream]:
    """Give the device's end of a session over TCP, logged in."""
    maildrops = FakeMaildrops(texts=(TEXT,) * MESSAGES, counted=((len(TEXT), 1),) * MESSAGES)
    async with trio.open_nursery() as nursery, tcp_pair() as (ours, device):
        house = House(nursery, maildrops)
        house.together = upstream
        house.take(ours, ListenerSettings("127.0.0.1", 110, plaintext_login="always"))
        await device.receive_some()
        for line in (b"USER fax\r\n", b"PASS secret\r\n"):
            await device.send_all(line)
            await device.receive_some()
        yield device
        nursery.cancel_scope.cancel()


async def heard(device: trio.SocketStream, octets: int) -> None:
    while octets > 0:
        octets -= len(await device.receive_some(octets))


async def test_a_message_that_is_here_costs_one_step_one_read_and_one_write() -> None:
    upstream, steps = Upstream(), Steps()
    async with logged_in(upstream) as device:
        await device.send_all(b"RETR 1\r\n")
        await heard(device, SENT)
        await trio.testing.wait_all_tasks_blocked()
        trio.lowlevel.add_instrument(steps)
        before, asked = calls(), upstream.asked
        for num in range(2, MESSAGES + 1):
            await device.send_all(b"RETR %d\r\n" % num)
            await heard(device, SENT)
        await trio.testing.wait_all_tasks_blocked()
        reads, writes = (after - then for after, then in zip(calls(), before, strict=True))
        trio.lowlevel.remove_instrument(steps)
    # The device's own are recv(2) and send(2), and the look at these numbers is a read.
    assert (steps.count, reads - 1, writes) == (MESSAGES - 1,) * 3
    assert upstream.asked - asked < 10


async def test_a_device_that_does_not_wait_is_answered_eight_messages_at_a_time() -> None:
    upstream = Upstream()
    async with logged_in(upstream) as device:
        before = calls()
        await device.send_all(b"".join(b"RETR %d\r\n" % num for num in range(1, MESSAGES + 1)))
        await heard(device, SENT * MESSAGES)
        await trio.testing.wait_all_tasks_blocked()
        _, writes = (after - then for after, then in zip(calls(), before, strict=True))
    assert writes <= MESSAGES // 8 + 5
