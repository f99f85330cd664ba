"""What a login costs, and what it misses: each way to watch a mailbox, over a line on which round trips are counted."""

import itertools
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from bridge.index import DeviceMaildrops, IndexedAccount, IntentRunner
from bridge.index.spooled import Reading
from bridge.model.names import DeviceId, SessionId
from bridge.model.settings import DeviceSettings
from bridge.sandbox import ALL_CAPABILITIES, Rule, SandboxServer, Script
from bridge.sandbox.faults import Answer, Bye, Drip, Hang, Say
from bridge.store import Store, inline, open_store
from bridge.upstream import Account
from tests.index.support import device
from tests.index.test_arrivals import RTT, connect_far
from tests.upstream.beds import SECONDS, Bed, serving

BOXES = ("INBOX", *(f"Box {n}" for n in range(6)))
POLLED = ALL_CAPABILITIES - {"IDLE", "NOTIFY"}
PARTLY = ALL_CAPABILITIES - {"NOTIFY"}
POLL = 60.0


def letter(name: str) -> bytes:
    return f"Message-ID: <{name}@example.org>\r\nSubject: {name}\r\n\r\nHello\r\n".encode()


async def nothing() -> None:
    """Count no votes."""


@dataclass
class House:
    """A bridge whose account is on a sandbox, without what is behind its sessions."""

    bed: Bed
    index: IndexedAccount
    maildrops: DeviceMaildrops
    devices: dict[DeviceId, DeviceSettings]
    logins: int = 0

    def deliver(self, name: str, box: str = "INBOX") -> None:
        self.bed.sandbox.deliver("anna", letter(name), box)

    def asked(self) -> list[str]:
        """Give the commands that the server was asked so far."""
        return [moment.command for moment in self.bed.sandbox.commands()]

    async def log_in(self, name: str = "fax") -> tuple[int, float, list[str]]:
        """Give how many messages the device is shown, after how many round trips, and what was asked meanwhile."""
        began, before = trio.current_time(), len(self.asked())
        self.logins += 1
        settings = self.devices[DeviceId(name)]
        maildrop = await self.maildrops.open(settings, SessionId(f"s{self.logins}"))
        return len(maildrop), round((trio.current_time() - began) / RTT, 2), self.asked()[before:]

    async def messages(self, name: str = "fax") -> int:
        return (await self.log_in(name))[0]


@asynccontextmanager
async def housed(
    directory: Path,
    *devices: DeviceSettings,
    capabilities: frozenset[str] = ALL_CAPABILITIES,
    before: Callable[[SandboxServer], object] = lambda server: None,
    boxes: Sequence[str] = BOXES,
    poll: float = POLL,
) -> AsyncIterator[House]:
    """Run the index of one account; `before` sees the server first."""
    async with serving(SandboxServer(capabilities=capabilities)) as bed:
        for box in boxes:
            bed.sandbox.users["anna"].create(box)
        bed.sandbox.deliver("anna", letter("first"))
        before(bed.sandbox)
        async with open_store(directory, runner=inline) as store, living(bed, store, devices, poll) as house:
            yield house


@asynccontextmanager
async def living(bed: Bed, store: Store, devices: Sequence[DeviceSettings], poll: float = POLL) -> AsyncIterator[House]:
    """Run it on a store: what that has is taken up, as after a restart."""
    settings = bed.settings(poll_interval=poll)
    known = {one.id: one for one in devices}
    selectors = dict.fromkeys(source.mailbox for one in devices for source in one.sources)
    account = Account(settings, timeout=SECONDS, connect=connect_far)
    index = IndexedAccount(settings, selectors, account, store)
    async with trio.open_nursery() as nursery:
        await store.register([settings.id], known)
        await nursery.start(account.run)
        names = {selector: name for (_, selector), name in (await store.load_selectors()).items()}
        states = {one.key: (one.state, one.uidvalidity) for one in await store.load_mailboxes()}
        await index.load(names, states)
        accounts = {settings.id: index}
        intents = IntentRunner(accounts, store, time.time, nothing)
        maildrops = DeviceMaildrops(
            accounts,
            store,
            intents,
            Reading(lambda location, size, whole: account.read_later(location, size), store.spool),
            5,
        )
        await maildrops.load(known)
        nursery.start_soon(index.run)
        yield House(bed, index, maildrops, known)
        nursery.cancel_scope.cancel()


def fax(boxes: Sequence[str] = BOXES) -> DeviceSettings:
    return device("fax", *(f"mail/{box}" for box in boxes))


class TestWarm:
    """Nothing came: a login asks nothing, for one mailbox and for seven."""

    @pytest.mark.parametrize("boxes", [("INBOX",), ("Box 3",), BOXES])
    @pytest.mark.parametrize("hours", [0, 3])
    async def test_a_login_makes_no_round_trip(
        self, tmp_path: Path, autojump_clock: MockClock, boxes: tuple[str, ...], hours: int
    ) -> None:
        async with housed(tmp_path, fax(boxes)) as house:
            await trio.sleep(20 + 3600 * hours)
            await house.log_in()
            for _ in range(30):
                await trio.sleep(47)
                _, trips, asked = await house.log_in()
                assert (trips, asked) == (0, [])

    async def test_and_hardly_anything_is_asked_between(self, tmp_path: Path, autojump_clock: MockClock) -> None:
        """IDLE is renewed every two minutes, and the mailboxes that are not open are asked after with that."""
        async with housed(tmp_path, fax()) as house:
            await trio.sleep(100)
            asked = len(house.asked())
            await trio.sleep(3000)
            counts = {name: house.asked()[asked:].count(name) for name in set(house.asked()[asked:])}
        # INBOX is opened anew every ten minutes.
        assert counts == {"IDLE": 25, "LIST": 25, "EXAMINE": 5, "UID FETCH": 10, "NOOP": 25}

    async def test_where_only_one_mailbox_is_pushed_a_login_asks_after_the_others_now_and_then(
        self, tmp_path: Path, autojump_clock: MockClock
    ) -> None:
        async with housed(tmp_path, fax(), capabilities=PARTLY) as house:
            await trio.sleep(20)
            await house.log_in()
            spent: list[str] = []
            for _ in range(60):
                await trio.sleep(10)
                _, trips, asked = await house.log_in()
                assert trips <= 1
                spent += asked
            # At most every half of a poll.
            assert 10 <= spent.count("LIST") <= 20

    async def test_a_device_of_the_pushed_mailbox_alone_never_asks(
        self, tmp_path: Path, autojump_clock: MockClock
    ) -> None:
        den = device("den", "mail/INBOX")
        async with housed(tmp_path, fax(), den, capabilities=PARTLY) as house:
            await trio.sleep(20)
            await house.log_in("den")
            for _ in range(30):
                await trio.sleep(17)
                assert (await house.log_in("den"))[1:] == (0, [])


class TestPromise:
    """What came a second before the login is in it."""

    @pytest.mark.parametrize(
        ("capabilities", "box"),
        [(PARTLY, "INBOX"), (ALL_CAPABILITIES, "INBOX"), (ALL_CAPABILITIES, "Box 3"), (ALL_CAPABILITIES, "Box 5")],
    )
    async def test_what_is_pushed(
        self, tmp_path: Path, autojump_clock: MockClock, capabilities: frozenset[str], box: str
    ) -> None:
        async with housed(tmp_path, fax(), capabilities=capabilities) as house:
            await trio.sleep(20)
            assert await house.messages() == 1
            for n in range(2, 6):
                await trio.sleep(301)
                house.deliver(f"letter {n}", box)
                await trio.sleep(1)
                assert (await house.log_in()) == (n, 0, [])

    @pytest.mark.parametrize("capabilities", [POLLED, POLLED - {"LIST-STATUS"}, PARTLY])
    @pytest.mark.parametrize("box", ["INBOX", "Box 3"])
    async def test_what_is_polled_is_asked_after_at_the_login(
        self, tmp_path: Path, autojump_clock: MockClock, capabilities: frozenset[str], box: str
    ) -> None:
        async with housed(tmp_path, fax(), capabilities=capabilities, poll=600) as house:
            await trio.sleep(20)
            assert await house.messages() == 1
            await trio.sleep(400)
            house.deliver("second", box)
            await trio.sleep(1)
            assert await house.messages() == 2

    @pytest.mark.parametrize("every", [60.0, 59.0, 61.5])
    async def test_a_device_that_comes_as_often_as_the_server_is_asked_lags_no_two_cycles(
        self, tmp_path: Path, autojump_clock: MockClock, every: float
    ) -> None:
        async with housed(tmp_path, fax(), capabilities=POLLED) as house:
            await trio.sleep(20)
            assert await house.messages() == 1
            for n in range(2, 12):
                await trio.sleep(every - 1)
                house.deliver(f"letter {n}", "Box 3")
                await trio.sleep(1)
                assert await house.messages() >= n - 1

    async def test_asked_often_it_lags_half_a_poll(self, tmp_path: Path, autojump_clock: MockClock) -> None:
        async with housed(tmp_path, fax(), capabilities=POLLED) as house:
            await trio.sleep(20)
            assert await house.messages() == 1
            house.deliver("second", "Box 3")
            began = trio.current_time()
            for _ in range(20):
                await trio.sleep(5)
                if await house.messages() == 2:
                    break
            assert trio.current_time() - began <= POLL / 2 + 5

    async def test_one_mailbox_that_is_polled_costs_a_noop(self, tmp_path: Path, autojump_clock: MockClock) -> None:
        async with housed(tmp_path, fax(("INBOX",)), capabilities=POLLED, poll=600) as house:
            await trio.sleep(20)
            await house.log_in()
            await trio.sleep(400)
            assert (await house.log_in())[1:] == (1, ["NOOP"])
            assert (await house.log_in())[1:] == (0, [])


async def test_what_came_and_went_is_looked_for_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    """The numbers are as before; the next UID may not be, and the server does not tell that."""
    async with housed(tmp_path, fax()) as house:
        await trio.sleep(100)
        comes_and_goes = Say(b"* 2 EXISTS\r\n* 2 EXPUNGE\r\n")
        house.bed.sandbox.script = Script([Rule("command", comes_and_goes, "IDLE")])
        await trio.sleep(130)
        asked = len(house.asked())
        await trio.sleep(100)
        assert len(house.asked()) <= asked + 5
        assert house.asked().count("EXAMINE") == len(BOXES) + 2
        house.deliver("second")
        await trio.sleep(1)
        assert (await house.log_in()) == (2, 0, [])


async def test_a_server_that_forgets_to_tell_is_asked(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with housed(tmp_path, fax()) as house:
        await trio.sleep(100)
        box = house.bed.sandbox.mailbox("anna", "Box 3")
        box._watchers.clear()
        house.deliver("second", "Box 3")
        began = trio.current_time()
        for _ in range(20):
            await trio.sleep(10)
            if await house.messages() == 2:
                break
        assert trio.current_time() - began <= 130


class TestOneAmongMany:
    """A device waits for its own mailboxes alone."""

    async def test_not_for_one_that_is_missing(self, tmp_path: Path, autojump_clock: MockClock) -> None:
        async with housed(tmp_path, fax(("INBOX", "Nowhere")), device("den", "mail/INBOX")) as house:
            await trio.sleep(20)
            for name in ("fax", "den"):
                await house.log_in(name)
                await trio.sleep(200)
                assert (await house.log_in(name))[1:] == (0, [])

    async def test_not_for_one_that_will_not_open(self, tmp_path: Path, autojump_clock: MockClock) -> None:
        def close_it(server: SandboxServer) -> None:
            closed = Answer("NO", "not for you", "NOPERM")
            server.script = Script([Rule("command", closed, "EXAMINE", arguments="Box 1", times=None)])

        async with housed(tmp_path, fax(), device("den", "mail/INBOX"), before=close_it) as house:
            await trio.sleep(20)
            await house.log_in("den")
            await trio.sleep(100)
            assert (await house.log_in("den"))[1:] == (0, [])

    async def test_not_for_one_whose_first_listing_takes_its_time(
        self, tmp_path: Path, autojump_clock: MockClock
    ) -> None:
        async with housed(tmp_path, device("den", "mail/INBOX")) as house:
            await trio.sleep(20)
            await house.log_in("den")
            house.index.selectors += ("Box 1",)
            for n in range(50):
                house.deliver(f"letter {n}", "Box 1")
            slow = Drip(30, every=1)
            house.bed.sandbox.script = Script([Rule("command", slow, "UID FETCH", skip=1)])
            house.index.look_again()
            await trio.sleep(10)
            box = house.index.mailbox_for("Box 1")
            assert box is not None
            assert box.progress
            assert (await house.log_in("den"))[1:] == (0, [])

    async def test_a_server_that_hangs_costs_a_login_five_seconds(
        self, tmp_path: Path, autojump_clock: MockClock
    ) -> None:
        async with housed(tmp_path, fax(), capabilities=POLLED, poll=600) as house:
            await trio.sleep(20)
            assert await house.messages() == 1
            await trio.sleep(400)
            house.bed.sandbox.script = Script([Rule("command", Hang(), "LIST", times=None)])
            began = trio.current_time()
            assert await house.messages() == 1
            assert trio.current_time() - began == pytest.approx(5, abs=0.1)


class TestTold:
    """What `status` shows of it."""

    @pytest.mark.parametrize(
        ("capabilities", "told"),
        [
            (ALL_CAPABILITIES, ["IDLE", "NOTIFY", ""]),
            (PARTLY, ["IDLE", "every 60 s", ""]),
            (POLLED, ["every 60 s", "every 60 s", ""]),
        ],
    )
    async def test_how_each_mailbox_is_watched(
        self, tmp_path: Path, autojump_clock: MockClock, capabilities: frozenset[str], told: list[str]
    ) -> None:
        selectors = ("INBOX", "Box 1", "Nowhere")
        async with housed(tmp_path, fax(selectors), capabilities=capabilities) as house:
            await trio.sleep(20)
            assert [house.index.watched(selector) for selector in selectors] == told
            house.bed.sandbox.script = Script([Rule("greeting", Bye("maintenance", "UNAVAILABLE"), times=None)])
            house.bed.sandbox.drop_connections()
            await trio.sleep(2)
            assert [house.index.watched(selector) for selector in selectors] == ["", "", ""]

    async def test_when_a_server_that_is_down_is_tried_again(self, tmp_path: Path, autojump_clock: MockClock) -> None:
        """After half to all of a pause that doubles up to a minute."""
        async with housed(tmp_path, fax(("INBOX",))) as house:
            await trio.sleep(20)
            assert house.index.next_try == 0
            house.bed.sandbox.script = Script([Rule("greeting", Bye("maintenance"), times=None)])
            house.bed.sandbox.drop_connections()
            tries: list[float] = []
            told = {0.0}
            for _ in range(4000):
                await trio.sleep(0.1)
                if house.index.next_try not in told:
                    told.add(house.index.next_try)
                    tries.append(trio.current_time())
            gaps = [later - sooner for sooner, later in itertools.pairwise(tries)]
            for gap, pause in zip(gaps, [1, 2, 4, 8, 16, 32, *[60] * 20], strict=False):
                assert pause / 2 - 0.2 <= gap <= pause + 0.5
            assert len(gaps) >= 8
            house.bed.sandbox.script = None
            await trio.sleep(61)
            assert house.index.next_try == 0
            assert (await house.log_in())[1:] == (0, [])
