"""Messages of a source with a mark, or that tells its name: the octets told are the octets sent."""

from itertools import product

import pytest
import trio
from trio.testing import MockClock

from bridge.adapt import extra
from bridge.model.places import MeasuredMessage
from bridge.octets import CrlfRepair, HeaderScan
from tests.session.support import FakeMaildrops, House, device

MARK = "[Junk]"
TEXTS = (
    b"Subject: one\r\n\r\nfirst\r\n.dot\r\n",
    b"From: a\nTo: b\n\nSubject: in the body\nsecond",
    b"From a@b Thu Jan  1 1970\r\nSubject:\r\n three\r\n\r\n",
    b"From: no empty line\r\n",
    b"\r\nno header\r\n",
    b"",
)


def counted(text: bytes) -> MeasuredMessage:
    """Count a message as measuring does."""
    repair, scan = CrlfRepair(), HeaderScan()
    scan.feed(repair.feed(text) + repair.finish())
    return MeasuredMessage(repair.octets, scan.subject)


COUNTED = tuple(map(counted, TEXTS))


def house_of(nursery: trio.Nursery, counted: tuple[tuple[int, int], ...], pieces: int = 65536) -> House:
    fax = device(mark=MARK, provenance=True)
    return House(nursery, FakeMaildrops(texts=TEXTS, counted=counted, pieces=pieces), fax, device("pc"))


async def test_a_mark_and_a_source(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    caller = house_of(nursery, COUNTED).call()
    await caller.log_in()
    source = "X-Popbridge-Source: mail/INBOX"
    assert await caller.lines("RETR 1") == [source, "Subject: [Junk] one", "", "first", "..dot"]
    assert await caller.lines("TOP 2 1") == [
        source, "From: a", "To: b", "Subject: [Junk]", "", "Subject: in the body",
    ]  # fmt: skip
    assert await caller.lines("RETR 3") == ["From a@b Thu Jan  1 1970", source, "Subject: [Junk]", " three", ""]


async def test_another_device_sees_the_same_messages_as_they_are(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    caller = house_of(nursery, COUNTED).call()
    await caller.log_in("pc")
    assert await caller.lines("RETR 1") == ["Subject: one", "", "first", "..dot"]
    assert await caller.ask("LIST 1") == f"+OK 1 {COUNTED[0].octets}"


@pytest.mark.parametrize("pieces", [1, 7, 65536])
async def test_the_sizes_told_are_the_octets_sent(
    autojump_clock: MockClock, nursery: trio.Nursery, pieces: int
) -> None:
    caller = house_of(nursery, COUNTED, pieces).call()
    await caller.log_in()
    sizes = {}
    for num in range(1, len(TEXTS) + 1):
        told = await caller.ask(f"RETR {num}")
        sizes[num] = sum(len(line.removeprefix(".")) + 2 for line in await caller.until_dot())
        assert told == f"+OK {sizes[num]} octets"
        assert sizes[num] == COUNTED[num - 1].octets + extra(MARK, "mail/INBOX", COUNTED[num - 1].subject)
    assert await caller.lines("LIST") == [f"{num} {size}" for num, size in sizes.items()]
    assert await caller.ask("STAT") == f"+OK {len(sizes)} {sum(sizes.values())}"


@pytest.mark.parametrize(("num", "lines", "pieces"), [*product(range(1, 7), (0, 1, 9), (1, 65536))])
async def test_top_is_the_beginning_of_retr(
    autojump_clock: MockClock, nursery: trio.Nursery, num: int, lines: int, pieces: int
) -> None:
    caller = house_of(nursery, COUNTED, pieces).call()
    await caller.log_in()
    whole, top = await caller.lines(f"RETR {num}"), await caller.lines(f"TOP {num} {lines}")
    header = whole.index("") + 1 if "" in whole else len(whole)
    assert top == whole[: header + lines]


async def test_octets_nobody_counted_are_not_told(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    house = house_of(nursery, ((-1, -1),) * len(TEXTS))
    caller = house.call()
    await caller.log_in()
    for num in range(1, len(TEXTS) + 1):
        assert await caller.ask(f"RETR {num}") == "+OK"
        await caller.until_dot()
    assert house.maildrops.told == dict(enumerate(COUNTED, 1))


async def test_octets_counted_before_anybody_looked_for_a_subject_are_not_told(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    house = house_of(nursery, tuple((octets, -1) for octets, _ in COUNTED))
    caller = house.call()
    await caller.log_in()
    assert await caller.ask("RETR 2") == "+OK"
    await caller.until_dot()
    assert house.maildrops.told == {2: COUNTED[1]}
    await caller.ask("QUIT")
    plain = house.call()
    await plain.log_in("pc")
    assert await plain.ask("RETR 2") == f"+OK {COUNTED[1].octets} octets"


@pytest.mark.parametrize(
    ("num", "wrong"),
    [
        (1, (COUNTED[0].octets, 0)),
        (2, (COUNTED[1].octets, 1)),
        (1, (COUNTED[0].octets - 1, 1)),
        (2, (COUNTED[1].octets + 9, 0)),
    ],
)
async def test_a_message_that_is_not_what_was_counted_is_cut(
    autojump_clock: MockClock, nursery: trio.Nursery, num: int, wrong: tuple[int, int]
) -> None:
    house = house_of(nursery, (*COUNTED[: num - 1], wrong, *COUNTED[num:]))
    caller = house.call()
    await caller.log_in()
    await caller.say(f"RETR {num}")
    assert b"\r\n.\r\n" not in await caller.rest()
    assert house.maildrops.told == {num: COUNTED[num - 1]}
    assert house.maildrops.unacknowledged == [None]
