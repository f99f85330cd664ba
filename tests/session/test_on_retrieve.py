"""What fetching a message does, by `on_retrieve`: at QUIT or when the device drops, and only to what was sent whole."""

import contextlib
import socket
import struct
from collections.abc import Iterator

import pytest
import trio
from trio.testing import MockClock

from bridge.model.failures import UpstreamUnavailable
from bridge.model.settings import ListenerSettings, OnRetrieve
from bridge.net import Stream
from tests.session.support import HOME, Caller, FakeMaildrops, House, device


async def fetching(nursery: trio.Nursery, on_retrieve: OnRetrieve) -> tuple[House, Caller]:
    """Fetch message 2 whole, and no more than the beginning of message 3."""
    house = House(nursery, FakeMaildrops(), device(on_retrieve=on_retrieve))
    caller = house.call()
    await caller.log_in()
    await caller.lines("RETR 2")
    await caller.lines("TOP 3 100")
    return house, caller


async def seen_next(house: House) -> list[str]:
    """Log in once more and list what there is."""
    caller = house.call()
    await caller.log_in()
    return [line.partition(" ")[2].lstrip("0") for line in await caller.lines("UIDL")]


@pytest.mark.parametrize(
    ("on_retrieve", "left"),
    [("none", ["1", "2", "3"]), ("seen", ["1", "2", "3"]), ("hide", ["1", "3"]), ("hide-unacknowledged", ["1", "3"])],
)
async def test_quit(autojump_clock: MockClock, nursery: trio.Nursery, on_retrieve: OnRetrieve, left: list[str]) -> None:
    house, caller = await fetching(nursery, on_retrieve)
    await caller.ask("QUIT")
    assert await seen_next(house) == left
    [plan] = house.maildrops.plans
    assert (plan.sent, plan.hide, plan.acknowledged) == ((2,), (), True)
    assert [(intent.seq, intent.action) for intent in plan.intents] == [(2, "seen")] * (on_retrieve == "seen")


@pytest.mark.parametrize(
    ("on_retrieve", "left"),
    [
        ("none", ["1", "2", "3"]),
        ("seen", ["1", "2", "3"]),
        ("hide", ["1", "2", "3"]),
        ("hide-unacknowledged", ["1", "3"]),
    ],
)
async def test_a_drop(
    autojump_clock: MockClock, nursery: trio.Nursery, on_retrieve: OnRetrieve, left: list[str]
) -> None:
    house, caller = await fetching(nursery, on_retrieve)
    await caller.drop()
    assert await seen_next(house) == left
    [plan] = house.maildrops.unacknowledged[:1]
    assert plan is not None
    assert (plan.sent, plan.hide, plan.intents, plan.acknowledged) == ((2,), (), (), False)


async def test_a_session_that_takes_over_knows_what_the_former_was_sent(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    house, _ = await fetching(nursery, "hide-unacknowledged")
    await trio.sleep(6)
    assert await seen_next(house) == ["1", "3"]


async def test_what_was_sent_in_part_is_shown_again(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    house, caller = await fetching(nursery, "hide-unacknowledged")
    house.maildrops.ending = UpstreamUnavailable("mail", "account mail: away")
    await caller.say("RETR 1")
    await caller.hear_all()
    assert await seen_next(house) == ["1", "3"]


async def test_a_fetch_is_not_undone_by_rset(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    house, caller = await fetching(nursery, "hide")
    await caller.ask("RSET")
    await caller.ask("QUIT")
    assert await seen_next(house) == ["1", "3"]


@contextlib.contextmanager
def far_apart() -> Iterator[tuple[trio.SocketStream, trio.SocketStream]]:
    """Give our end and the device's of a connection on which a message is under way for as long as the device likes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        theirs = socket.socket()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        theirs.connect(listening.getsockname())
        ours, _ = listening.accept()
    with ours, theirs:
        near, far = (trio.SocketStream(trio.socket.from_stdlib_socket(each)) for each in (ours, theirs))
        yield near, far


async def test_what_had_not_arrived_when_the_device_vanished_is_shown_again(nursery: trio.Nursery) -> None:
    long = b"Subject: long\r\n\r\n" + b"x" * 70 + b"\r\n" * 5_000
    maildrops = FakeMaildrops(texts=(long, long), counted=((-1, -1),) * 2)
    house = House(nursery, maildrops, device(on_retrieve="hide-unacknowledged"))
    with far_apart() as (ours, theirs):
        caller = Caller(theirs, house.take(Stream(ours, HOME), ListenerSettings()))
        await caller.log_in()
        await caller.lines("RETR 1")
        await caller.say("RETR 2")
        with trio.fail_after(5):
            while len(maildrops.told) < 2:
                await trio.testing.wait_all_tasks_blocked()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # as when it is switched off
        theirs.socket.close()
        await house.reason()
    [left] = maildrops.unacknowledged
    assert left is not None
    assert (left.sent, left.retrieved) == ((1,), (1,))
