"""What a new connection costs, in commands and octets, and that what it brings is right whatever the server says."""

from collections.abc import Iterable
from pathlib import Path

import pytest
import trio
import trio.lowlevel
from trio.testing import MockClock

from bridge.sandbox import ALL_CAPABILITIES, SandboxMailbox, SandboxServer
from bridge.store import inline, open_store
from bridge.telemetry import counters
from tests.index.test_freshness import BOXES, House, fax, housed, letter, living
from tests.upstream.beds import serving

MANY = 2000
WITHOUT = ALL_CAPABILITIES - {"QRESYNC"}
WITHOUT_MODSEQS = WITHOUT - {"CONDSTORE"}
LISTED = 90
"""About the octets of a line of a listing."""


def fill(house: House, messages: int = MANY, box: str = "INBOX") -> None:
    for n in range(messages):
        house.deliver(f"{box} {n}", box)


async def reconnected(house: House) -> tuple[list[str], int]:
    """Drop the connection and let it come back; gives what was asked then, and how many octets came."""
    house.bed.sandbox.drop_connections()
    await trio.lowlevel.checkpoint()
    return await watched(house)


async def watched(house: House, seconds: float = 20) -> tuple[list[str], int]:
    """Give what the watcher asks from now on, but for signing in, and how many octets come."""
    before, octets = len(house.asked()), counters()["upstream_octets"]
    await trio.sleep(seconds)
    moments = house.bed.sandbox.commands()
    watcher = max(moment.connection for moment in moments if moment.command == "IDLE")
    said = [moment.command for moment in moments[before:] if moment.connection == watcher]
    signing_in = {"AUTHENTICATE", "ID", "ENABLE"}
    return [name for name in said if name not in signing_in], counters()["upstream_octets"] - octets


def names(house: House, box: str = "INBOX") -> list[int]:
    """Give the UIDs that are listed."""
    found = house.index.mailbox_for(box)
    assert found is not None
    assert found.snapshot is not None
    return sorted(found.snapshot.uids)


def there(house: House, box: str = "INBOX") -> list[int]:
    return [int(uid) for uid in house.bed.sandbox.mailbox("anna", box).uids()]


def disturb(mailbox: SandboxMailbox) -> None:
    """What a day brings: some go, some are read, some come."""
    uids = mailbox.uids()
    mailbox.expunge(*uids[10:14], uids[-2])
    for uid in uids[100:103]:
        mailbox.set_flags(uid, ["\\Seen"])
    for n in range(2):
        mailbox.deliver(letter(f"new {n} of {mailbox.name}"))


async def settled(house: House) -> None:
    """Let all be listed, identified and measured."""
    await trio.sleep(300)


class TestCosts:
    async def test_one_mailbox_in_which_nothing_happened(self, tmp_path: Path, autojump_clock: MockClock) -> None:
        async with housed(tmp_path, fax(("INBOX",))) as house:
            fill(house)
            await settled(house)
            said, octets = await reconnected(house)
            # The line goes to mail known before, which a restored backup would show as another.
            assert said == ["EXAMINE", "UID FETCH", "UID FETCH", "NOOP", "IDLE"]
            assert octets < 25 * LISTED + 2000

    async def test_seven_in_which_nothing_happened(self, tmp_path: Path, autojump_clock: MockClock) -> None:
        async with housed(tmp_path, fax()) as house:
            for box in BOXES:
                fill(house, 50, box)
            await settled(house)
            said, _ = await reconnected(house)
            assert said == ["LIST", "NOTIFY", "LIST", "EXAMINE", "UID FETCH", "UID FETCH", "NOOP", "IDLE"]

    async def test_a_day_costs_one_round_trip_for_each_mailbox_and_no_list_of_uids(
        self, tmp_path: Path, autojump_clock: MockClock
    ) -> None:
        boxes = ("INBOX", "Box 1", "Box 2")
        async with housed(tmp_path, fax(boxes)) as house:
            for box in boxes:
                fill(house, box=box)
            await settled(house)
            for box in boxes:
                disturb(house.bed.sandbox.mailbox("anna", box))
            said, octets = await reconnected(house)
            assert said.count("EXAMINE") <= len(boxes) + 1
            assert "UID SEARCH" not in said
            # The new messages themselves are in it, and another connection that counts them.
            assert octets < len(boxes) * 80 * LISTED
            for box in boxes:
                assert names(house, box) == there(house, box)

    async def test_without_it_all_is_listed(self, tmp_path: Path, autojump_clock: MockClock) -> None:
        for capabilities in (WITHOUT, WITHOUT_MODSEQS):
            directory = tmp_path / str(len(capabilities))
            directory.mkdir()
            async with housed(directory, fax(("INBOX",)), capabilities=capabilities) as house:
                fill(house)
                await settled(house)
                disturb(house.bed.sandbox.mailbox("anna"))
                said, octets = await reconnected(house)
                assert said[:2] == ["EXAMINE", "UID FETCH"]
                assert octets > MANY * LISTED * 0.8
                assert names(house) == there(house)

    async def test_a_restart_costs_no_more_than_a_new_connection(
        self, tmp_path: Path, autojump_clock: MockClock
    ) -> None:
        devices = [fax(("INBOX",))]
        async with serving(SandboxServer()) as bed, open_store(tmp_path, runner=inline) as store:
            async with living(bed, store, devices) as house:
                fill(house)
                await settled(house)
            disturb(bed.sandbox.mailbox("anna"))
            async with living(bed, store, devices) as house:
                said, octets = await watched(house)
                assert said == ["EXAMINE", "UID FETCH", "UID FETCH", "UID FETCH", "NOOP", "IDLE"]
                assert octets < 80 * LISTED
                assert names(house) == there(house)

    async def test_one_new_message_elsewhere(self, tmp_path: Path, autojump_clock: MockClock) -> None:
        """From the news to what devices see."""
        async with housed(tmp_path, fax()) as house:
            for box in BOXES:
                fill(house, 50, box)
            await settled(house)
            house.deliver("new", "Box 3")
            said, _ = await watched(house, 2)
            # What happened in it with a line of what came, its header, and INBOX again.
            told = ["EXAMINE", *["UID FETCH"] * 3]
            assert said == [*told, *told, "NOOP", "IDLE"]
            assert names(house, "Box 3") == there(house, "Box 3")

    async def test_one_that_went(self, tmp_path: Path, autojump_clock: MockClock) -> None:
        async with housed(tmp_path, fax(("INBOX",))) as house:
            fill(house)
            await settled(house)
            asked, octets = len(house.asked()), counters()["upstream_octets"]
            house.bed.sandbox.expunge("anna", "INBOX", 700)
            await trio.sleep(2)
            assert house.asked()[asked:] == ["EXAMINE", *["UID FETCH"] * 3, "NOOP", "IDLE"]
            assert counters()["upstream_octets"] - octets < 25 * LISTED + 2000
            assert names(house) == there(house)


class TestLies:
    """A server that tells what is not so, or not all: then everything is compared."""

    async def test_it_forgot_what_went(self, tmp_path: Path, autojump_clock: MockClock) -> None:
        async with housed(tmp_path, fax(("INBOX",))) as house:
            fill(house, 300)
            await settled(house)
            disturb(house.bed.sandbox.mailbox("anna"))
            house.bed.sandbox.mailbox("anna")._gone.clear()
            await reconnected(house)
            assert names(house) == there(house)

    async def test_its_past_is_another_one(self, tmp_path: Path, autojump_clock: MockClock) -> None:
        """A backup was put back, and as much happened since: the numbers are beyond what was known, and add up."""
        async with housed(tmp_path, fax(("INBOX",))) as house:
            fill(house, 300)
            await settled(house)
            before = len(names(house))
            box = house.bed.sandbox.mailbox("anna")
            house.bed.sandbox.drop_connections()
            for uid in box.uids()[-5:]:
                box.rewrite(uid, letter(f"another {uid}") + b"longer\r\n" * 3)
            house.deliver("new")
            await trio.sleep(30)
            assert names(house) == there(house)
            assert await house.messages() == before + 1
            assert counters()["messages_vanished"] >= 5

    @pytest.mark.parametrize("messages", [0, 1, 19, 20, 21, 300])
    async def test_however_many_there_are(self, tmp_path: Path, autojump_clock: MockClock, messages: int) -> None:
        async with housed(tmp_path, fax(("INBOX",))) as house:
            fill(house, messages)
            await settled(house)
            for change in self.changes(messages):
                house.bed.sandbox.drop_connections()
                for uid in change:
                    house.bed.sandbox.expunge("anna", "INBOX", uid)
                house.deliver(f"after {change}")
                await trio.sleep(30)
                assert names(house) == there(house)

    def changes(self, messages: int) -> Iterable[list[int]]:
        yield []
        yield [1]
        if messages > 20:
            yield [messages, messages - 1]
            yield list(range(2, 9))
