"""What was counted while it was sent: seen by the next login, and published for many messages at once."""

from pathlib import Path

import trio
from trio.testing import MockClock

from bridge.index.counted import MANY
from bridge.index.mailbox import IndexedMailbox
from bridge.model.names import AccountId, MailboxName
from bridge.model.places import MeasuredMessage
from tests.index.support import House, Shown, device, living
from tests.index.upstream import FakeUpstream

FAX = device("fax", "mail/INBOX")
MESSAGES = 2 * MANY + 10


def inbox(house: House) -> IndexedMailbox:
    return house.accounts[AccountId("mail")].mailboxes[MailboxName("INBOX")]


def version(house: House) -> int:
    snapshot = inbox(house).snapshot
    assert snapshot is not None
    return snapshot.version


def tell(shown: Shown, octets: int) -> None:
    """Have all messages counted, as their RETRs do."""
    for place in shown.places:
        shown.house.maildrops.measured(place, MeasuredMessage(octets, subject=True))


async def test_many_counts_are_published_together(tmp_path: Path, autojump_clock: MockClock) -> None:
    mail = FakeUpstream("mail")
    mail.deliver(*(f"letter {n}" for n in range(MESSAGES)))
    async with living(tmp_path, {"mail": mail}, FAX) as house:
        await house.settle()
        first = await house.log_in("fax")
        before = version(house)
        tell(first, 150)
        assert version(house) == before + 2
        # Who logs in next sees them all, however soon it does.
        assert set((await house.log_in("fax")).maildrop.sizes) == {150}
        assert version(house) == before + 3
        await house.maildrops.leftovers.flush()
    async with living(tmp_path, {"mail": mail}, FAX) as house:
        mail.down = True
        assert set((await house.log_in("fax")).maildrop.sizes) == {150}


async def test_counts_are_published_soon_without_a_login(tmp_path: Path, autojump_clock: MockClock) -> None:
    mail = FakeUpstream("mail")
    mail.deliver("one", "two")
    async with living(tmp_path, {"mail": mail}, FAX) as house:
        await house.settle()
        tell(await house.log_in("fax"), 150)
        await trio.sleep(1)
        snapshot = inbox(house).snapshot
        assert snapshot is not None
        assert list(snapshot.sizes) == [150, 150]


async def test_counts_of_a_mailbox_that_was_numbered_anew_mean_nothing(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    mail = FakeUpstream("mail")
    mail.deliver("one", "two")
    async with living(tmp_path, {"mail": mail}, FAX) as house:
        await house.settle()
        old = await house.log_in("fax")
        mail.renumber()
        await house.settle()
        tell(old, 150)
        assert set((await house.log_in("fax")).maildrop.sizes) == {101}
