"""What QUIT promised is carried out where the message lies by then, and no account waits for another."""

from pathlib import Path

import trio
from trio.testing import MockClock

from tests.index.support import House, device, living
from tests.index.upstream import FakeUpstream

FAX = device("fax", "mail/INBOX", "mail/Sorted", on_delete="trash")


async def promise(house: House, num: int = 1) -> None:
    """Have the fax delete a message."""
    await (await house.log_in("fax")).quit(num)


def with_letters(*names: str) -> FakeUpstream:
    upstream = FakeUpstream()
    upstream.box("Sorted")
    upstream.box("Trash")
    upstream.deliver(*names)
    return upstream


async def states(house: House) -> dict[str, int]:
    """Give how many of the fax's intents are in which state."""
    found: dict[str, int] = (await house.store.show_device(FAX.id))["intents"]
    return found


async def test_a_message_that_was_moved_meanwhile_is_acted_on_where_it_is(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    upstream = with_letters("a", "b")
    async with living(tmp_path, {"mail": upstream}, FAX) as house:
        await house.settle()
        await promise(house)
        upstream.move(1, "INBOX", "Sorted")
        await house.settle(4000)
        assert (upstream.names("Trash"), upstream.names("Sorted"), upstream.names()) == (["a"], [], ["b"])
        # Undone, it goes back to where it was taken from.
        [back] = (await house.store.undo(FAX.id, 1, house.now())).back
        assert back.source.mailbox == "Sorted"


async def test_what_somebody_filed_where_the_device_does_not_look_is_left_alone(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    upstream = with_letters("a", "b", "c")
    upstream.box("Kept")
    async with living(tmp_path, {"mail": upstream}, FAX, device("den", "mail/Kept")) as house:
        await house.settle()
        await promise(house)
        upstream.move(1, "INBOX", "Kept")
        await house.settle(4000)
        assert (upstream.names("Trash"), upstream.names("Kept"), await states(house)) == ([], ["a"], {"done": 1})
        assert (await house.log_in("fax")).names == ["b", "c"]


async def test_a_message_that_is_moved_just_before_its_time_is_looked_for(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    upstream = with_letters("a", "b")
    async with living(tmp_path, {"mail": upstream}, FAX) as house:
        house.undo_window = 0
        await house.settle()
        shown = await house.log_in("fax")
        upstream.deliver("c", box="Sorted")
        moved = upstream.boxes["Sorted"].add(upstream.boxes["INBOX"].letters.pop(1))
        await shown.quit(1)
        await house.settle()
        assert moved not in upstream.boxes["Sorted"].letters
        assert (upstream.names("Trash"), upstream.names("Sorted"), await states(house)) == (["a"], ["c"], {"done": 1})


async def test_a_mailbox_that_was_numbered_anew_meanwhile(tmp_path: Path, autojump_clock: MockClock) -> None:
    upstream = with_letters("a", "b")
    async with living(tmp_path, {"mail": upstream}, FAX) as house:
        await house.settle()
        await promise(house)
        upstream.boxes["INBOX"].letters.pop(2)
        upstream.renumber()
        await house.settle(4000)
        assert (upstream.names("Trash"), upstream.names(), await states(house)) == (["a"], [], {"done": 1})


async def test_what_somebody_else_removed_is_settled(tmp_path: Path, autojump_clock: MockClock) -> None:
    upstream = with_letters("a", "b")
    async with living(tmp_path, {"mail": upstream}, FAX) as house:
        house.undo_window = 0
        await house.settle()
        shown = await house.log_in("fax")
        upstream.boxes["INBOX"].letters.pop(1)
        await shown.quit(1)
        await trio.sleep(1)
        assert await states(house) == {"waiting": 1}
        await house.settle()
        assert (upstream.names("Trash"), await states(house)) == ([], {"done": 1})


async def test_many_are_carried_out_at_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    upstream = with_letters(*(f"letter {n}" for n in range(250)))
    async with living(tmp_path, {"mail": upstream}, FAX) as house:
        house.undo_window = 0
        await house.settle()
        shown = await house.log_in("fax")
        house.devices[FAX.id] = FAX
        for first in range(1, 250, 50):
            plan = range(first, first + 50)
            await shown.quit(*plan)
        await trio.sleep(1)
        assert (upstream.names(), len(upstream.names("Trash"))) == ([], 250)


async def test_no_account_waits_for_one_that_is_down(tmp_path: Path, autojump_clock: MockClock) -> None:
    slow, quick = with_letters("a", "b", "c"), with_letters("d")
    reader = device("fax", "slow/INBOX", "quick/INBOX", on_delete="trash")
    async with living(tmp_path, {"slow": slow, "quick": quick}, reader) as house:
        house.undo_window = 0
        await house.settle()
        shown = await house.log_in("fax")
        slow.down, slow.patience = True, 20.0
        await shown.quit(1, 2, 3, 4)
        await trio.sleep(25)
        assert (quick.names("Trash"), slow.names("Trash")) == (["d"], [])
        slow.down = False
        await house.settle()
        assert slow.names("Trash") == ["a", "b", "c"]
