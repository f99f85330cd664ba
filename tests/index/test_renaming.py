"""A mailbox that is selected by its use, and gets another name."""

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from bridge.model.failures import NotListedYet
from tests.index.support import device, living
from tests.index.upstream import FakeUpstream

FAX = device("fax", "mail/INBOX", "mail/\\Junk")


def with_junk(*names: str) -> FakeUpstream:
    upstream = FakeUpstream()
    upstream.uses["\\Junk"] = "Junk"
    upstream.deliver("letter")
    upstream.deliver(*names, box="Junk")
    return upstream


@pytest.mark.parametrize("numbered", ["as before", "anew"])
async def test_its_messages_stay_what_they_were(tmp_path: Path, autojump_clock: MockClock, numbered: str) -> None:
    mail = with_junk("one", "two")
    async with living(tmp_path, {"mail": mail}, FAX) as house:
        await house.settle()
        before = await house.log_in("fax")
        assert before.names == ["letter", "one", "two"]
        mail.uses["\\Junk"] = "Spam"
        mail.rename("Junk", "Spam")
        if numbered == "anew":
            mail.renumber("Spam")
        mail.deliver("three", box="Spam")
        await house.settle()
        after = await house.log_in("fax")
        assert after.names == ["letter", "one", "two", "three"]
        assert after.uidls[:3] == before.uidls


async def test_no_login_is_shown_less_meanwhile(tmp_path: Path, autojump_clock: MockClock) -> None:
    mail = with_junk("one", "two")
    async with living(tmp_path, {"mail": mail}, FAX) as house:
        await house.settle()
        before = (await house.log_in("fax")).uidls

        def down_when_it_is_found(what: str) -> None:
            mail.down = mail.down or what == "Spam"

        mail.asked = down_when_it_is_found
        mail.uses["\\Junk"] = "Spam"
        mail.rename("Junk", "Spam")
        await house.settle(130)
        assert mail.down
        with pytest.raises(NotListedYet):
            await house.log_in("fax")
        mail.down, mail.asked = False, lambda what: None
        await house.settle()
        assert (await house.log_in("fax")).uidls == before


async def test_a_use_that_another_mailbox_gets(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Both are there: what was in the first is shown no more, what is in the other is new."""
    mail = with_junk("one", "two")
    async with living(tmp_path, {"mail": mail}, FAX) as house:
        await house.settle()
        before = (await house.log_in("fax")).uidls
        mail.deliver("three", box="Spam")
        mail.uses["\\Junk"] = "Spam"
        mail.down = True
        mail.told()
        await trio.sleep(1)
        mail.down = False
        await house.settle()
        after = await house.log_in("fax")
        assert after.names == ["letter", "three"]
        assert after.uidls[0] == before[0]
