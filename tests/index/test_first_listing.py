"""The first listing of a mailbox: what devices and the log hear of it, what it costs, and what is left when it is cut
short.
"""

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from bridge.model.failures import NotListedYet
from bridge.model.names import AccountId
from bridge.telemetry import configure, counters
from tests.index.mailboxes import INBOX
from tests.index.support import House, device, living
from tests.index.upstream import FakeUpstream

FAX = device("fax", "mail/INBOX")
MANY = 4500


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    out = io.StringIO()
    configure("console", "info", out)
    yield out
    configure()


@pytest.fixture
def mail() -> FakeUpstream:
    upstream = FakeUpstream()
    upstream.deliver(*(f"letter {number}" for number in range(1, MANY + 1)))
    return upstream


def lines(log: io.StringIO, event: str) -> list[str]:
    return [line.partition(" ")[2] for line in log.getvalue().splitlines() if line.startswith(event + " ")]


def drop_at(mail: FakeUpstream, listed: int) -> None:
    """Have the connection lost, once, when so much was listed."""

    async def batch(before: int) -> None:
        await trio.lowlevel.checkpoint()
        mail.down = before >= listed

    mail.batch = batch


async def uidls_of(house: House) -> list[str]:
    return (await house.log_in("fax")).uidls


async def test_how_far_it_is_stands_in_the_log_and_is_told_to_devices(
    tmp_path: Path, mail: FakeUpstream, log: io.StringIO, autojump_clock: MockClock
) -> None:
    async def batch(listed: int) -> None:
        await trio.sleep(4)

    mail.batch = batch
    async with living(tmp_path, {"mail": mail}, FAX) as house:
        await trio.sleep(10)
        assert house.accounts[AccountId("mail")].mailboxes[INBOX].progress == "first listing, 2000 of 4500"
        with pytest.raises(NotListedYet, match=r"first listing, 3000 of 4500") as refused:
            await house.log_in("fax")
        assert (refused.value.listed, refused.value.of) == (3000, 4500)
        await trio.sleep(2)
        assert (await house.log_in("fax")).names[-1] == "letter 4500"
    place = "account=mail mailbox=mail/INBOX"
    assert lines(log, "mailbox.listing") == [f"{place} listed=0 of=4500", f"{place} listed=3000 of=4500"]
    assert lines(log, "mailbox.listed") == ["mailbox=mail/INBOX messages=4500"]


async def test_a_device_that_waits_is_served_as_soon_as_all_is_listed(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock
) -> None:
    async def batch(listed: int) -> None:
        await trio.sleep(0.5)

    mail.batch = batch
    async with living(tmp_path, {"mail": mail}, FAX) as house:
        assert len(await uidls_of(house)) == MANY
        assert trio.current_time() == pytest.approx(2.5)


@pytest.mark.parametrize("restart", [False, True], ids=["lost connection", "restart"])
async def test_what_was_cut_short_is_gone_on_with(
    tmp_path: Path, mail: FakeUpstream, restart: bool, autojump_clock: MockClock
) -> None:
    async with living(tmp_path / "whole", {"mail": mail}, FAX) as house:
        wanted = await uidls_of(house)
    drop_at(mail, 3000)
    mail.listed = 0
    async with living(tmp_path / "cut", {"mail": mail}, FAX) as house:
        await trio.sleep(0.5)
        assert house.accounts[AccountId("mail")].mailboxes  # it was begun
        if not restart:
            mail.down = False
            drop_at(mail, MANY + 1)
            assert await uidls_of(house) == wanted
    if restart:
        mail.down = False
        drop_at(mail, MANY + 1)
        async with living(tmp_path / "cut", {"mail": mail}, FAX, offset=3e9) as house:
            assert await uidls_of(house) == wanted
            await house.settle()
            assert await uidls_of(house) == wanted
            totals = (await house.store.overview())["totals"]
            assert (totals["entries"], totals["issued_ids"]) == (MANY, MANY)
    # What was committed is not listed again.
    assert mail.listed == MANY


async def test_what_went_before_it_was_gone_on_with_is_not_there(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock
) -> None:
    """Also when as much came meanwhile, so that the numbers are as expected."""
    drop_at(mail, 3000)
    async with living(tmp_path, {"mail": mail}, FAX) as house:
        await trio.sleep(0.5)
    mail.down = False
    drop_at(mail, MANY + 1)
    mail.expunge(7)

    def deliver(asked: str) -> None:
        if "late" not in mail.names():
            mail.deliver("late")

    mail.asked = deliver
    async with living(tmp_path, {"mail": mail}, FAX, offset=3e9) as house:
        await house.settle()
        names = (await house.log_in("fax")).names
    assert names == [name for name in mail.names() if name != "letter 7"]
    assert names[-1] == "late"


async def test_one_that_was_numbered_anew_in_the_middle_is_begun_anew(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock
) -> None:
    drop_at(mail, 3000)
    async with living(tmp_path, {"mail": mail}, FAX) as house:
        await trio.sleep(0.5)
        mail.renumber()
        mail.down = False
        drop_at(mail, MANY + 1)
        shown = await house.log_in("fax")
        assert shown.names == mail.names()
        assert (await house.store.overview())["totals"]["entries"] == MANY


async def test_it_costs_a_commit_for_each_batch_and_not_for_each_message(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock
) -> None:
    async with living(tmp_path, {"mail": mail}, FAX) as house:
        before = counters()["commits"]
        await house.log_in("fax")
        # Five batches, the state that ends it, what the login decides; and a few looks at the start.
        assert counters()["commits"] - before <= 12


async def test_identities_wait_until_a_device_that_waited_is_served(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock
) -> None:
    async with living(tmp_path, {"mail": mail}, FAX) as house:
        await house.log_in("fax")
        assert mail.fetched == 0
        await house.settle()
        assert mail.fetched == MANY


async def test_identities_do_not_wait_when_a_device_waits_for_them(
    tmp_path: Path, mail: FakeUpstream, autojump_clock: MockClock
) -> None:
    mail.deliver("letter 3", box="Sorted")
    both = replace(device("fax", "mail/INBOX", "mail/Sorted"), deduplicate="account")
    async with living(tmp_path, {"mail": mail}, both) as house:
        assert len(await uidls_of(house)) == MANY
        assert trio.current_time() < 0.5
