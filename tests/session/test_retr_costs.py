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


def text(num: int) -> bytes:
    return b"Subject: %03d\r\n\r\n" % num + b"a line of text.\r\n.and one with a dot\r\n" * 200


OCTETS = len(text(1))
SENT = len(b"+OK %d octets\r\n" % OCTETS) + OCTETS + 200 + len(b".\r\n")


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
            self._sink.arrived(uid, [text(uid)])

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
    texts = tuple(text(num) for num in range(1, MESSAGES + 1))
    maildrops = FakeMaildrops(texts=texts, counted=((OCTETS, 1),) * MESSAGES)
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


async def heard(device: trio.SocketStream, octets: int) -> bytes:
    found = b""
    while len(found) < octets:
        found += await device.receive_some(octets - len(found))
    return found


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


async def test_what_was_made_ready_and_is_not_asked_for_is_not_sent() -> None:
    async with logged_in(Upstream()) as device:
        for num in (1, 2, 3, 7, 8, 4, 5, 6, 6, 5, 4):
            await trio.testing.wait_all_tasks_blocked()
            await device.send_all(b"RETR %d\r\n" % num)
            reply = b"+OK %d octets\r\n" % OCTETS + text(num).replace(b"\r\n.", b"\r\n..") + b".\r\n"
            assert await heard(device, SENT) == reply
        await device.send_all(b"DELE 3\r\n")
        assert (await device.receive_some()).startswith(b"+OK")
        await device.send_all(b"RETR 3\r\n")
        assert (await device.receive_some()).startswith(b"-ERR")
