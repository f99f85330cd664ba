"""Near the end of a day's budget nothing is fetched that no device waits for; devices go on."""

from pathlib import Path

import pytest
from trio.testing import MockClock

from bridge.index.background import SAVING
from tests.index.support import device, living
from tests.index.test_spooling import FAX as READER
from tests.index.test_spooling import body, retr
from tests.index.upstream import FakeUpstream

FAX = device("fax", "mail/INBOX")


async def test_nothing_is_measured_meanwhile(
    tmp_path: Path, autojump_clock: MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    mail = FakeUpstream()
    mail.nearly_spent = True
    mail.deliver("one", "two")
    async with living(tmp_path, {"mail": mail}, FAX) as house:
        await house.settle(3 * SAVING)
        assert (mail.measured, mail.fetched) == (0, 0)
        shown = await house.log_in("fax")
        assert [await retr(shown, 1), await retr(shown, 2)] == [body(mail, "one"), body(mail, "two")]
        mail.nearly_spent = False
        await house.settle(2 * SAVING)
        assert mail.measured == 2
    told = capsys.readouterr().err
    assert (told.count("background.stopped"), told.count("background.resumed")) == (1, 1)


async def test_nothing_is_spooled_ahead_meanwhile(tmp_path: Path, autojump_clock: MockClock) -> None:
    mail = FakeUpstream()
    mail.box("Sorted")
    mail.nearly_spent = True
    mail.deliver("one", "two")
    async with living(tmp_path, {"mail": mail}, READER, spool=(10**6, 86400.0)) as house:
        await house.settle(2 * SAVING)
        assert mail.bodies == []
        mail.nearly_spent = False
        await house.settle(2 * SAVING)
        assert mail.bodies == ["two", "one"]
