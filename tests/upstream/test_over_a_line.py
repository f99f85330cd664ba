"""Downloads over a long line: how many round trips a device waits, by a clock that nothing but the line moves."""

from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from bridge.maildrop import Maildrop, from_messages
from bridge.model.failures import MailboxChanged
from bridge.model.names import EntrySeq, MsgNum, Uid, Uidl, UidValidity
from bridge.model.places import StoredMessage
from bridge.sandbox import Rule, Script
from bridge.sandbox.faults import Answer, Drip
from bridge.session import Allowance
from bridge.session.ahead import ReadAhead
from bridge.telemetry import counters
from bridge.upstream import Account
from bridge.upstream.assembly import FIRST_OCTETS, RANGE_OCTETS
from bridge.upstream.latest import FEW, LARGEST, OCTETS
from bridge.upstream.latest import SECONDS as SECONDS_KEPT
from tests.upstream.beds import INBOX, SECONDS, Bed, key, listing, place_of, read, running
from tests.upstream.line import line
from tests.upstream.test_batches import Kept, bodies

ROUND_TRIP = 0.1
SLACK = 0.01
"""Parts of a round trip by which sums of halves may be off."""

LIMIT = 4_000_000


def maildrop(sizes: list[int], familiar: int, uidvalidity: UidValidity) -> Maildrop:
    """Give a device's view of an INBOX whose UIDs are its message-numbers."""
    rows = [
        StoredMessage(EntrySeq(n), Uidl(f"{n:032x}"), Uid(n), size, -1, 0, subject=-1)
        for n, size in enumerate(sizes, 1)
    ]
    box = from_messages(key(), uidvalidity, rows)
    return Maildrop((box,), box.seqs, box.sizes, box.measured, box.uidls, sum(sizes), familiar=familiar)


class Device:
    """Fetches one message after another, and takes each at once."""

    def __init__(self, bed: Bed, account: Account, sizes: list[int], familiar: int) -> None:
        self._bed = bed
        self._account = account
        drop = maildrop(sizes, familiar, place_of(bed, 1).uidvalidity)
        self._ahead = ReadAhead(drop, (), account.batches, LIMIT, Allowance(LIMIT))
        self._sizes = sizes

    async def retr(self, num: int) -> bytes:
        text = self._ahead.take(MsgNum(num))
        if text is None and self._ahead.coming(MsgNum(num)):
            text = await self._ahead.wait(MsgNum(num))
        if text is None:
            return await read(self._account, place_of(self._bed, num), self._sizes[num - 1])
        return b"".join(text)

    async def download(self, numbers: range) -> float:
        """Fetch these messages; gives the round trips it waited."""
        began = trio.current_time()
        for num in numbers:
            assert len(await self.retr(num)) == self._sizes[num - 1]
        self._ahead.close()
        return (trio.current_time() - began) / ROUND_TRIP


async def warm(bed: Bed, account: Account) -> None:
    """Have a connection with the mailbox open, as after any fetch within the last minute."""
    await read(account, place_of(bed, 1))


def text(number: int, octets: int) -> bytes:
    head = b"Subject: %d\r\n\r\n" % number
    return head + b"x" * (octets - len(head) - 2) + b"\r\n"


@pytest.mark.parametrize(
    ("messages", "octets", "most"),
    # One for the first, which no order tells yet; then 256 KiB, five times that, and 4 MB in each.
    [(2000, 8192, 7), (20, 1_000_000, 8), (5, 8192, 2)],
    ids=["many small ones", "some of 1 MB", "a few"],
)
async def test_a_download_in_order_keeps_the_line_full(
    autojump_clock: MockClock, alone: Bed, messages: int, octets: int, most: int
) -> None:
    for number in range(1, messages + 1):
        alone.sandbox.deliver("anna", text(number, octets))
    async with line(ROUND_TRIP) as long, running(alone.settings(), connect=long.connect) as account:
        await warm(alone, account)
        device = Device(alone, account, [octets] * messages, messages)
        assert await device.download(range(1, messages + 1)) <= most + SLACK


async def test_what_is_asked_for_while_others_are_awaited_goes_out_at_once(
    autojump_clock: MockClock, alone: Bed
) -> None:
    for number in range(1, 3):
        alone.sandbox.deliver("anna", text(number, 8192))
    async with line(ROUND_TRIP) as long, running(alone.settings(), connect=long.connect) as account:
        await warm(alone, account)
        kept, place = Kept(), place_of(alone, 1)
        batches = account.batches(key(), place.uidvalidity, kept)
        began = trio.current_time()
        batches.ask({Uid(1): 8192})
        await trio.sleep(ROUND_TRIP / 2)
        batches.ask({Uid(2): 8192})
        await kept.settled(2)
        assert trio.current_time() - began <= (1.5 + SLACK) * ROUND_TRIP


async def test_a_large_message_that_is_taken_at_once_keeps_two_ranges_coming(
    autojump_clock: MockClock, alone: Bed
) -> None:
    octets = FIRST_OCTETS + 9 * RANGE_OCTETS - 10_000
    alone.sandbox.deliver("anna", text(1, octets))
    async with line(ROUND_TRIP) as long, running(alone.settings(), connect=long.connect) as account:
        await warm(alone, account)
        began = trio.current_time()
        assert len(await read(account, place_of(alone, 1), octets)) == octets
        # The first range and the one behind it, then two in each.
        assert trio.current_time() - began <= (1 + 4 + SLACK) * ROUND_TRIP


@pytest.mark.parametrize(("whole", "ranges"), [(True, 2), (False, 1)])
async def test_of_what_is_wanted_whole_the_second_range_is_asked_for_with_the_first(
    alone: Bed, lone_account: Account, whole: bool, ranges: int
) -> None:
    """TOP mostly wants no more than the header."""
    octets = FIRST_OCTETS + RANGE_OCTETS
    alone.sandbox.deliver("anna", text(1, octets))
    async with lone_account.read(place_of(alone, 1), octets, whole=whole):
        with trio.fail_after(SECONDS):
            while not bodies(alone):
                await trio.lowlevel.checkpoint()
        await wait_all_tasks_blocked(0.05)
        assert bodies(alone) == ranges


class TestFairness:
    """The line carries 1 MB in a second; a device that downloads may have 4 MB under way or here."""

    @pytest.mark.parametrize("octets", [8192, 400_000], ids=["small ones", "larger ones"])
    async def test_another_device_waits_for_what_a_second_brings(
        self, autojump_clock: MockClock, alone: Bed, octets: int
    ) -> None:
        messages = 12_000_000 // octets
        for number in range(1, messages + 1):
            alone.sandbox.deliver("anna", text(number, octets))
        small = alone.sandbox.deliver("anna", text(0, 8192))
        waited: list[float] = []

        async def download(account: Account) -> None:
            await Device(alone, account, [octets] * messages, messages).download(range(1, messages))

        async with (
            line(ROUND_TRIP, rate=1e6) as long,
            running(alone.settings(max_connections=1), connect=long.connect) as account,
        ):
            await warm(alone, account)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(download, account)
                for _ in range(3):
                    await trio.sleep(3)
                    began = trio.current_time()
                    assert await read(account, place_of(alone, small)) == text(0, 8192)
                    waited.append(trio.current_time() - began)
                nursery.cancel_scope.cancel()
        assert max(waited) <= 2
        assert len(long.servers) == 1

    async def test_it_costs_the_one_that_downloads_nothing(self, autojump_clock: MockClock, alone: Bed) -> None:
        for number in range(1, 1001):
            alone.sandbox.deliver("anna", text(number, 8192))
        async with line(ROUND_TRIP, rate=1e6) as long, running(alone.settings(), connect=long.connect) as account:
            await warm(alone, account)
            began = trio.current_time()
            await Device(alone, account, [8192] * 1000, 1000).download(range(1, 1001))
            assert trio.current_time() - began <= 1.1 * 1000 * 8192 / 1e6


class TestGivenUp:
    async def test_a_download_given_up_on_a_fast_line_costs_no_connection(
        self, autojump_clock: MockClock, alone: Bed
    ) -> None:
        for number in range(1, 1001):
            alone.sandbox.deliver("anna", text(number, 8192))
        wasted = counters()["read_ahead_wasted"]
        async with line(ROUND_TRIP) as long, running(alone.settings(), connect=long.connect) as account:
            await warm(alone, account)
            await Device(alone, account, [8192] * 1000, 1000).download(range(1, 200))
            await trio.sleep(1)
            began = trio.current_time()
            assert await read(account, place_of(alone, 1)) == text(1, 8192)
            assert trio.current_time() - began <= (1 + SLACK) * ROUND_TRIP
        assert len(long.servers) == 1
        assert counters()["read_ahead_wasted"] - wasted > 500_000

    async def test_on_a_slow_line_another_connection_has_the_mailbox_open(
        self, autojump_clock: MockClock, alone: Bed
    ) -> None:
        for number in range(1, 201):
            alone.sandbox.deliver("anna", text(number, 8192))
        async with line(ROUND_TRIP) as long, running(alone.settings(), connect=long.connect) as account:
            await warm(alone, account)
            alone.sandbox.script = Script([Rule("literal", Drip(20_000, every=1), "UID FETCH", skip=20)])
            await Device(alone, account, [8192] * 200, 200).download(range(1, 6))
            await trio.sleep(10)
            assert len(long.servers) == 2
            began = trio.current_time()
            assert await read(account, place_of(alone, 1)) == text(1, 8192)
            assert trio.current_time() - began <= (1 + SLACK) * ROUND_TRIP
        assert len(long.servers) == 2


class TestNewMail:
    async def measured(self, account: Account, bed: Bed, *uids: int) -> None:
        """Have new mail measured, as it is once it came."""
        place, found = place_of(bed, 1), []
        sizes = {Uid(uid): 8192 for uid in uids}
        await account.measure(key(), place.uidvalidity, sizes, lambda uid, _: found.append(uid))
        assert found == list(uids)

    async def test_what_was_measured_just_now_is_here(self, autojump_clock: MockClock, alone: Bed) -> None:
        for number in range(1, 6):
            alone.sandbox.deliver("anna", text(number, 8192))
        async with line(ROUND_TRIP) as long, running(alone.settings(), connect=long.connect) as account:
            await self.measured(account, alone, 5, 4, 3, 2, 1)
            device = Device(alone, account, [8192] * 5, 0)
            assert await device.download(range(1, 6)) == 0
            assert await read(account, place_of(alone, 3)) == text(3, 8192)
            assert bodies(alone) == 1
            await trio.sleep(SECONDS_KEPT)
            assert await read(account, place_of(alone, 3)) == text(3, 8192)
            assert bodies(alone) == 2

    async def test_what_came_since_the_mailbox_was_opened_costs_one_round_trip(
        self, autojump_clock: MockClock, alone: Bed
    ) -> None:
        async with line(ROUND_TRIP) as long, running(alone.settings(), connect=long.connect) as account:
            alone.sandbox.deliver("anna", text(1, 8192))
            await warm(alone, account)
            for number in range(2, 8):
                alone.sandbox.deliver("anna", text(number, 8192))
            began = trio.current_time()
            device = Device(alone, account, [8192] * 5, 1)
            assert await device.download(range(2, 6)) <= 1 + SLACK
            assert await read(account, place_of(alone, 6)) == text(6, 8192)
            await self.measured(account, alone, 7)
            assert trio.current_time() - began <= (3 + SLACK) * ROUND_TRIP

    @pytest.mark.parametrize("way", ["read", "batch", "measure"])
    async def test_a_mailbox_that_is_not_open_costs_no_round_trip_more(
        self, autojump_clock: MockClock, alone: Bed, way: str
    ) -> None:
        alone.sandbox.users["anna"].create("Other")
        alone.sandbox.deliver("anna", text(1, 8192))
        other = place_of(alone, alone.sandbox.deliver("anna", text(2, 8192), "Other"), "Other")
        async with line(ROUND_TRIP) as long, running(alone.settings(), connect=long.connect) as account:
            await warm(alone, account)
            began = trio.current_time()
            if way == "read":
                assert await read(account, other) == text(2, 8192)
            elif way == "batch":
                kept = Kept()
                account.batches(other.key, other.uidvalidity, kept).ask({other.uid: 8192})
                await kept.settled(1)
                assert kept.texts == {other.uid: text(2, 8192)}
            else:
                await account.measure(other.key, other.uidvalidity, {other.uid: 8192}, lambda uid, found: None)
            assert trio.current_time() - began <= (1 + SLACK) * ROUND_TRIP

    @pytest.mark.parametrize("way", ["read", "batch", "measure"])
    async def test_what_lies_in_a_mailbox_numbered_anew_is_not_taken_for_it(
        self, alone: Bed, lone_account: Account, way: str
    ) -> None:
        """What was asked for together with the opening comes, and is another message."""
        alone.sandbox.users["anna"].create("Other")
        uid = alone.sandbox.deliver("anna", text(1, 8192), "Other")
        old = place_of(alone, uid, "Other")
        alone.sandbox.recreate("anna", "Other")
        assert alone.sandbox.deliver("anna", text(2, 8192), "Other") == uid
        ways: dict[str, Callable[[], Awaitable[object]]] = {
            "read": lambda: read(lone_account, old),
            "batch": lambda: lone_account.gather(old.key, old.uidvalidity, {uid: 8192}),
            "measure": lambda: lone_account.measure(old.key, old.uidvalidity, {uid: 8192}, lambda uid, found: None),
        }
        with pytest.raises(MailboxChanged):
            await ways[way]()
        new = place_of(alone, uid, "Other")
        assert await read(lone_account, new) == text(2, 8192)
        assert {moment.connection for moment in alone.sandbox.commands("UID FETCH")} == {1}

    async def test_a_mailbox_that_does_not_show_a_message_is_opened_anew(
        self, alone: Bed, lone_account: Account
    ) -> None:
        """Some servers show what came only to who opens the mailbox after that."""
        for number in range(1, 5):
            alone.sandbox.deliver("anna", text(number, 8192))
        await warm(alone, lone_account)
        nothing = [Rule("command", Answer("OK"), "UID FETCH", f"{uid} (UID BODY.PEEK[]") for uid in (2, 3, 4)]
        alone.sandbox.script = Script(nothing)
        assert await read(lone_account, place_of(alone, 2)) == text(2, 8192)
        await self.measured(lone_account, alone, 3)
        kept = Kept()
        lone_account.batches(key(), place_of(alone, 1).uidvalidity, kept).ask({Uid(4): 8192})
        await kept.settled(1)
        assert kept.lost == {4: None}
        assert await read(lone_account, place_of(alone, 4)) == text(4, 8192)

    async def test_what_is_listed_anew_is_fetched_anew(self, alone: Bed, lone_account: Account) -> None:
        """Servers exist that give a UID a second time."""
        for number in range(1, 4):
            alone.sandbox.deliver("anna", text(number, 8192))
        await self.measured(lone_account, alone, 1, 2, 3)
        other = text(9, 8192)
        alone.sandbox.mailbox("anna").rewrite(2, other)
        async with lone_account.watch() as watcher:
            await watcher.examine(INBOX)
            await listing(watcher, 2)
        assert await read(lone_account, place_of(alone, 1)) == text(1, 8192)
        assert await read(lone_account, place_of(alone, 2)) == other
        assert bodies(alone) == 2

    @pytest.mark.parametrize(("messages", "octets"), [(FEW + 1, 100), (3, LARGEST + 1)])
    async def test_what_was_there_before_and_what_is_large_is_not_kept(
        self, alone: Bed, lone_account: Account, messages: int, octets: int
    ) -> None:
        for number in range(1, messages + 1):
            alone.sandbox.deliver("anna", text(number, octets))
        await self.measured(lone_account, alone, *range(messages, 0, -1))
        before = bodies(alone)
        assert await read(lone_account, place_of(alone, 1), octets) == text(1, octets)
        assert bodies(alone) == before + 1

    async def test_no_more_is_kept_than_there_is_room_for(self, alone: Bed, lone_account: Account) -> None:
        messages = 2 * OCTETS // LARGEST
        for number in range(1, messages + 1):
            alone.sandbox.deliver("anna", text(number, LARGEST))
        await self.measured(lone_account, alone, *range(1, messages + 1))
        before = bodies(alone)
        for number in range(messages, 0, -1):
            assert await read(lone_account, place_of(alone, number), LARGEST) == text(number, LARGEST)
        assert bodies(alone) - before == messages // 2
