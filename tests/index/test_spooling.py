"""Messages are on disk before a device asks for them, and cross the line once whoever asks."""

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from bridge.model.names import MsgNum
from tests.index.support import Shown, device, living
from tests.index.upstream import FakeUpstream

FAX = device("fax", "mail/INBOX", "mail/Sorted")
DEN = device("den", "mail/INBOX")
DAY = 86400.0
SPOOL = (10**6, 30 * DAY)


@pytest.fixture
def mail() -> FakeUpstream:
    upstream = FakeUpstream()
    upstream.box("Sorted")
    return upstream


async def retr(shown: Shown, num: int) -> bytes:
    """Read a message as a session does."""
    maildrop = shown.maildrop
    location, size = maildrop.location(MsgNum(num)), maildrop.sizes[num - 1]
    async with shown.house.maildrops.read(maildrop.seq(MsgNum(num)), location, size) as content:
        chunks = []
        while chunk := await content.receive():
            chunks.append(chunk)
    return b"".join(chunks)


def body(mail: FakeUpstream, name: str) -> bytes:
    """Give a message as the upstream has it."""
    return next(one.body for box in mail.boxes.values() for one in box.letters.values() if one.name == name)


async def test_messages_are_fetched_once_newest_first_and_measured_by_that(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock
) -> None:
    mail.deliver("one", "two", size=1000)
    mail.deliver("large", size=200_000)
    async with living(tmp_path, {"mail": mail}, FAX, DEN, spool=SPOOL) as house:
        await house.settle()
        assert (mail.bodies, mail.measured) == (["large", "two", "one"], 0)
        mail.deliver("four", size=500)
        await house.settle()
        assert mail.bodies[3:] == ["four"]
        for name in ("fax", "den"):
            shown = await house.log_in(name)
            assert [await retr(shown, num) for num in range(1, 5)] == [body(mail, who) for who in shown.names]
            # Three line ends get a CR on the way out.
            assert list(shown.maildrop.sizes) == [size + 4 for size in (1000, 1000, 200_000, 500)]
        assert len(mail.bodies) == 4


async def test_messages_are_read_while_the_upstream_is_down(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock
) -> None:
    mail.deliver("one", "two")
    async with living(tmp_path, {"mail": mail}, FAX, spool=SPOOL) as house:
        await house.settle()
    mail.down = True
    async with living(tmp_path, {"mail": mail}, FAX, spool=SPOOL) as house:
        shown = await house.log_in("fax")
        assert [await retr(shown, num) for num in (1, 2)] == [body(mail, "one"), body(mail, "two")]


async def test_a_message_keeps_its_file_wherever_it_goes(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock
) -> None:
    mail.deliver(*(f"letter {number}" for number in range(5)))
    async with living(tmp_path, {"mail": mail}, FAX, spool=SPOOL) as house:
        await house.settle()
        mail.move(2, "INBOX", "Sorted")
        await house.settle()
        mail.renumber()
        await house.settle()
        shown = await house.log_in("fax")
        assert [await retr(shown, num) for num in range(1, 6)] == [body(mail, who) for who in shown.names]
        assert len(mail.bodies) == 5
        # A session of before reads on, where its places mean nothing any more.
        mail.renumber()
        await house.settle()
        assert len(await retr(shown, 1)) == 100
        assert len(mail.bodies) == 5


async def test_the_first_device_to_fetch_fetches_for_all(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock
) -> None:
    async with living(tmp_path, {"mail": mail}, FAX, DEN, spool=(10**6, 3600)) as house:
        mail.deliver("one")
        mail.deliver("large", size=800_000)
        await house.settle()
        # By now their time on the disk is over, and nobody fetches them ahead again.
        await trio.sleep(3 * 3600)
        mail.bodies.clear()
        first = await house.log_in("fax")
        found = [await retr(first, num) for num in (1, 2)]
        assert (found, mail.bodies) == ([body(mail, "one"), body(mail, "large")], ["one", "large"])
        await trio.sleep(1)
        second = await house.log_in("den")
        assert [await retr(second, num) for num in (1, 2)] == found
        assert mail.bodies == ["one", "large"]


async def test_there_is_room_for_the_newest(tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock) -> None:
    mail.deliver(*(f"letter {number}" for number in range(10)), size=1000)
    async with living(tmp_path, {"mail": mail}, FAX, spool=(4500, 30 * DAY)) as house:
        await house.settle()
        assert mail.bodies == [f"letter {number}" for number in (9, 8, 7, 6)]
        # The others are measured as ever.
        assert mail.measured == 6
        mail.deliver("new", size=1000)
        await house.settle()
        assert mail.bodies[4:] == ["new"]
        assert house.store.spool.totals(house.settings("mail").id) == (4, 4000)


async def test_what_the_server_will_not_give_stops_nothing(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock
) -> None:
    mail.deliver("one", "refused", "three")
    mail.refused.add("refused")
    async with living(tmp_path, {"mail": mail}, FAX, spool=SPOOL) as house:
        await house.settle()
        assert mail.bodies == ["three", "one"]


async def test_what_failed_with_the_upstream_is_fetched_when_it_is_back(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock
) -> None:
    mail.deliver("one", "two")
    mail.failing = 1
    async with living(tmp_path, {"mail": mail}, FAX, spool=SPOOL) as house:
        await house.settle()
        assert (mail.failing, mail.bodies) == (0, ["two", "one"])


async def test_what_was_read_ahead_is_kept_too(tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock) -> None:
    async with living(tmp_path, {"mail": mail}, FAX, DEN, spool=(10**6, 3600)) as house:
        mail.deliver("one")
        await house.settle()
        await trio.sleep(3 * 3600)
        mail.bodies.clear()
        shown = await house.log_in("fax")
        entry, place = shown.maildrop.seq(MsgNum(1)), shown.places[0]
        assert not house.maildrops.spooled(entry, place)
        house.maildrops.fetched(entry, place, [body(mail, "one")])
        await trio.sleep(1)
        assert house.maildrops.spooled(entry, place)
        assert (await retr(await house.log_in("den"), 1), mail.bodies) == (body(mail, "one"), [])
