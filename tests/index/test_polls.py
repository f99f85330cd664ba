"""What a poll costs, in steps that are counted: nothing where nothing changed, and little where little did."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from bridge.index import background, maildrops
from bridge.maildrop import admission, decide
from bridge.model.devices import Admission
from bridge.model.names import AccountId, DeviceId
from bridge.telemetry import counters
from tests.index.mailboxes import INBOX
from tests.index.support import House, device, living
from tests.index.upstream import FakeUpstream

FAX = device("fax", "mail/INBOX")
BOTH = replace(device("both", "mail/INBOX", "mail/Sorted"), deduplicate="account")
MANY = 300


@pytest.fixture
def mail() -> FakeUpstream:
    upstream = FakeUpstream()
    upstream.deliver(*(f"letter {number}" for number in range(1, MANY + 1)))
    upstream.deliver("letter 3", "letter 4", "another", box="Sorted")
    return upstream


class Elsewhere:
    """Where decisions are made that take long; counts them."""

    def __init__(self, house: House) -> None:
        self.decided = 0
        house.maildrops._runner = self

    async def __call__(self, deciding: Callable[[], Admission]) -> Admission:
        self.decided += 1
        await trio.sleep(2)
        return deciding()


async def test_while_nothing_changes_a_poll_is_given_the_maildrop_of_the_one_before(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with living(tmp_path, {"mail": mail}, FAX) as house:
        await house.log_in("fax")
        await house.settle()
        first = await house.log_in("fax")
        before, listed = counters()["commits"], mail.listed
        monkeypatch.setattr(maildrops, "build", None)  # nobody may build
        for _ in range(3):
            assert (await house.log_in("fax")).maildrop is first.maildrop
        assert (counters()["commits"] - before, mail.listed - listed) == (0, 0)


async def test_one_new_message_is_one_row(tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock) -> None:
    async with living(tmp_path, {"mail": mail}, FAX) as house:
        await house.log_in("fax")
        await house.settle()
        first = await house.log_in("fax")
        listed, fetched, before = mail.listed, mail.fetched, counters()["commits"]
        mail.deliver("new")
        await trio.sleep(0.5)
        shown = await house.log_in("fax")
        assert shown.names == mail.names()
        assert (mail.listed - listed, mail.fetched - fetched) == (0, 1)
        # A look for its like, what came, that it is announced, and how many octets it has.
        assert counters()["commits"] - before <= 4
        # What was there is taken over as it is.
        assert shown.maildrop.mailboxes[0].continues(first.maildrop.mailboxes[0])


async def test_what_takes_long_is_decided_elsewhere(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "MANY", 100)
    plain = device("plain", "mail/INBOX")
    async with living(tmp_path, {"mail": mail}, BOTH, plain) as house:
        elsewhere = Elsewhere(house)
        await house.settle()
        assert len((await house.log_in("plain")).uidls) == MANY
        assert elsewhere.decided == 0
        shown = await house.log_in("both")
        assert elsewhere.decided == 1
        assert sorted(shown.names) == sorted([*mail.names(), "another"])
        mail.deliver("new")
        await house.settle()
        assert (await house.log_in("both")).names[-1] == "new"
        assert elsewhere.decided == 1


async def test_what_comes_while_it_is_decided_is_shown_next_time(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "MANY", 100)
    async with living(tmp_path, {"mail": mail}, BOTH) as house:
        Elsewhere(house)
        await house.settle()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(house.log_in, "both")
            await trio.sleep(1)
            mail.deliver("new")
            # An owner looks at the same time, and is told when the login is done.
            maildrop, new = await house.maildrops.preview(house.devices[DeviceId("both")])
            assert (len(maildrop), new) == (MANY + 1, 1)
        assert (await house.log_in("both")).names[-1] == "new"


async def test_an_owner_who_looks_again_and_again_costs_one_decision(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    decisions: list[DeviceId] = []

    def counting(settings: object, *rest: object) -> Admission:
        decisions.append(BOTH.id)
        return decide(settings, *rest)  # type: ignore[arg-type]

    async with living(tmp_path, {"mail": mail}, BOTH) as house:
        await house.settle()
        monkeypatch.setattr(maildrops, "decide", counting)
        both = house.devices[BOTH.id]
        for _ in range(5):
            maildrop, new = await house.maildrops.preview(both)
            assert (len(maildrop), new) == (0, MANY + 1)
        assert len(decisions) == 1
        mail.deliver("new")
        await trio.sleep(0.5)
        assert (await house.maildrops.preview(both))[1] == MANY + 2
        assert len(decisions) == 2
        # What a login shows is new no more.
        await house.log_in("both")
        assert (await house.maildrops.preview(both))[1] == 0


async def test_what_is_counted_in_the_background_is_written_by_octets_not_by_messages(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "MEASURE_OCTETS", 10_000)
    mail.deliver("large", size=50_000)
    async with living(tmp_path, {"mail": mail}, FAX) as house:
        before = counters()["commits"]
        await trio.sleep(3)
        assert (await house.log_in("fax")).maildrop.measured.count(0) == 0
        # Listed, identified, then counted: the large one alone, and 300 of 100 octets in three batches.
        assert house.accounts[AccountId("mail")].mailboxes[INBOX].parts[0].version == 6
        assert counters()["commits"] - before <= 12
