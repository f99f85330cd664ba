"""A device that is loaded anew is not shown less, or more, than it was left with."""

from dataclasses import replace
from pathlib import Path

from trio.testing import MockClock

from bridge.maildrop import unacknowledged_plan
from bridge.model.names import MsgNum
from bridge.model.update import SessionRecord
from tests.index.support import Shown, device, living
from tests.index.upstream import FakeUpstream

PRINTER = replace(device("printer", "mail/INBOX"), on_retrieve="hide-unacknowledged")


def drop(shown: Shown, *sent: int) -> None:
    """Have a session end without QUIT, after it was sent messages."""
    at = shown.house.now()
    nums = [MsgNum(num) for num in sent]
    plan = unacknowledged_plan(shown.settings, shown.session, shown.maildrop, sent=nums, at=at)
    row = SessionRecord(shown.session, shown.settings.id, "192.0.2.1:4711", at, at, len(sent), 0, 0, 0, "lost")
    shown.house.maildrops.closed(row, plan)


async def test_what_a_dropped_session_was_sent_stays_hidden(tmp_path: Path, autojump_clock: MockClock) -> None:
    mail = FakeUpstream()
    mail.deliver("one", "two")
    async with living(tmp_path, {"mail": mail}, PRINTER) as house:
        drop(await house.log_in("printer"), 1)
        await house.maildrops.reload(PRINTER.id)
        assert (await house.log_in("printer")).names == ["two"]
