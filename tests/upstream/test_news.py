"""News of mailboxes that are not open: told by the server itself where it knows NOTIFY, asked for elsewhere."""

from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import MockClock

from bridge.model.failures import MailboxMissing
from bridge.model.names import MailboxName, Uid
from bridge.model.places import MailboxState, Since
from bridge.sandbox import Rule, Script
from bridge.sandbox.faults import Answer, Close, Do, Fault, Say
from bridge.upstream import Account, Watcher
from tests.upstream.beds import INBOX, LETTER, SECONDS, Bed

BOX = MailboxName("Box")
UMLAUTS = MailboxName("Entwürfe")


@pytest.fixture
async def watcher(bed: Bed, account: Account) -> AsyncIterator[Watcher]:
    await bed.create("Box", "Entw&APw-rfe")
    async with account.watch() as made:
        await made.resolve("Box")
        yield made


def exists(watcher: Watcher) -> dict[str, int]:
    """Give how many messages there are where there is news."""
    return {name: state.exists for name, state in watcher.take_news().items() if isinstance(state, MailboxState)}


class TestEachServer:
    async def test_following_tells_how_mailboxes_are(self, bed: Bed, watcher: Watcher) -> None:
        await bed.deliver(LETTER, LETTER, mailbox="Box")
        states = await watcher.follow([INBOX, BOX, UMLAUTS])
        assert states == {name: await watcher.status(name) for name in (INBOX, BOX, UMLAUTS)}
        await watcher.examine(INBOX)
        assert watcher.pushed(INBOX)
        assert watcher.pushed(BOX) == (bed.kind != "pymap")
        # Dovecot 2.3 takes names in NOTIFY for UTF-8, and so tells nothing of this one.
        assert watcher.pushed(UMLAUTS) == (bed.kind == "sandbox")
        assert not await watcher.wait(0.2)

    async def test_what_comes_to_another_mailbox_and_goes_is_heard(self, bed: Bed, watcher: Watcher) -> None:
        await watcher.follow([INBOX, BOX])
        await watcher.examine(INBOX)
        # pymap tells of an expunge no sooner than of the next change.
        for left in (1,) if bed.kind == "pymap" else (1, 0):
            heard: list[bool] = []
            with trio.fail_after(4 * SECONDS):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self.listen, watcher, heard)
                    await (bed.deliver(LETTER, mailbox="Box") if left else bed.expunge(1, mailbox="Box"))
                    if not watcher.pushed(BOX):
                        watcher.ask([BOX])
            if heard != [True] and bed.deaf:
                pytest.skip("Dovecot notices no changes: there are too many processes for inotify here")
            assert heard == [True]
            assert exists(watcher) == {BOX: left}
        assert (await watcher.examine(INBOX)).exists == 0

    async def listen(self, watcher: Watcher, heard: list[bool]) -> None:
        heard.append(await watcher.wait(SECONDS))

    async def test_asked_while_it_waits_and_before(self, bed: Bed, watcher: Watcher) -> None:
        await watcher.examine(INBOX)
        await bed.deliver(LETTER, mailbox="Box")
        watcher.ask([BOX, MailboxName("Nowhere")])
        assert await watcher.wait(SECONDS)
        news = watcher.take_news()
        assert news[BOX] == await watcher.status(BOX)
        assert isinstance(news[MailboxName("Nowhere")], MailboxMissing)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watcher.wait, SECONDS)
            await trio.sleep(0.1)
            watcher.ask([BOX, INBOX])
        assert exists(watcher) == {INBOX: 0, BOX: 1}

    async def test_a_mailbox_made_anew_is_news(self, bed: Bed, watcher: Watcher) -> None:
        await bed.deliver(LETTER, mailbox="Box")
        before = (await watcher.follow([INBOX, BOX]))[BOX]
        await watcher.examine(INBOX)
        await bed.create_anew("Box")
        await bed.deliver(LETTER, mailbox="Box")
        watcher.ask([BOX])
        assert await watcher.wait(SECONDS)
        after = watcher.take_news()[BOX]
        assert isinstance(before, MailboxState)
        assert isinstance(after, MailboxState)
        assert after.uidvalidity != before.uidvalidity

    async def test_another_mailbox_is_opened_for_a_while(self, bed: Bed, watcher: Watcher) -> None:
        """Whatever is open, news of it and of others is heard."""
        await bed.create("Other")
        other = MailboxName("Other")
        await watcher.follow([INBOX, BOX, other])
        for opened, closed in ((INBOX, BOX), (BOX, other), (INBOX, BOX)):
            state = await watcher.examine(opened)
            await bed.deliver(LETTER, mailbox=opened)
            await bed.deliver(LETTER, mailbox=closed)
            if not watcher.pushed(closed):
                watcher.ask([closed])
            found: dict[str, int] = {}
            with trio.move_on_after(SECONDS):
                while not {opened, closed} <= set(found):
                    await watcher.wait(SECONDS)
                    found |= exists(watcher)
            if not {opened, closed} <= set(found) and bed.deaf:
                pytest.skip("Dovecot notices no changes: there are too many processes for inotify here")
            assert found[opened] == state.exists + 1


class TestNotify:
    @pytest.fixture
    async def follower(self, alone: Bed, lone_account: Account) -> AsyncIterator[Watcher]:
        for name in ("Box", "Other"):
            alone.sandbox.users["anna"].create(name)
        async with lone_account.watch() as made:
            yield made

    async def test_it_takes_one_round_trip(self, alone: Bed, follower: Watcher) -> None:
        await follower.follow([INBOX, BOX, MailboxName("Other")])
        assert [moment.command for moment in alone.sandbox.commands()][-2:] == ["NOTIFY", "LIST"]
        await follower.examine(INBOX)
        assert not await follower.wait(0)
        assert len(alone.sandbox.commands("NOTIFY")) == 1

    async def test_one_mailbox_needs_none(self, alone: Bed, follower: Watcher) -> None:
        await follower.follow([INBOX])
        assert not alone.sandbox.commands("NOTIFY")

    async def test_what_is_told_needs_no_question(
        self, autojump_clock: MockClock, alone: Bed, follower: Watcher
    ) -> None:
        await follower.follow([INBOX, BOX])
        await follower.examine(INBOX)
        began, asked = trio.current_time(), len(alone.sandbox.commands())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(follower.wait, 1000)
            await trio.sleep(50)
            alone.sandbox.deliver("anna", LETTER, "Box")
        assert trio.current_time() - began == 50
        assert exists(follower) == {BOX: 1}
        assert [moment.command for moment in alone.sandbox.commands()][asked:] == ["NOOP", "IDLE"]

    @pytest.mark.parametrize(
        "refusal", [Answer("NO", "too many", "NOTIFICATIONOVERFLOW"), Answer("BAD", "what?"), Answer("NO", "no")]
    )
    async def test_refused_although_offered(self, alone: Bed, follower: Watcher, refusal: Fault) -> None:
        alone.sandbox.script = Script([Rule("command", refusal, "NOTIFY")])
        states = await follower.follow([INBOX, BOX])
        assert sorted(states) == [BOX, INBOX]
        await follower.examine(INBOX)
        assert (follower.pushed(INBOX), follower.pushed(BOX)) == (True, False)

    async def test_a_mailbox_that_is_not_there_is_not_told_of(self, follower: Watcher) -> None:
        nowhere = MailboxName("Nowhere")
        states = await follower.follow([INBOX, BOX, nowhere])
        assert isinstance(states[nowhere], MailboxMissing)
        assert (follower.pushed(BOX), follower.pushed(nowhere)) == (True, False)

    async def test_a_server_that_gives_up_is_heard_at_once(
        self, autojump_clock: MockClock, alone: Bed, follower: Watcher
    ) -> None:
        await follower.follow([INBOX, BOX])
        await follower.examine(INBOX)
        gives_up = Say(b"* OK [NOTIFICATIONOVERFLOW] too much happens here\r\n")
        alone.sandbox.script = Script([Rule("command", gives_up, "IDLE")])
        began = trio.current_time()
        assert await follower.wait(1000)
        assert trio.current_time() == began
        assert (follower.pushed(INBOX), follower.pushed(BOX)) == (True, False)

    async def test_a_notice_between_the_answers_is_no_answer(self, alone: Bed, follower: Watcher) -> None:
        """It need not be whole, nor about what was asked."""
        await follower.follow([INBOX, BOX])
        await follower.examine(INBOX)
        notices = Say(b"* STATUS Box (MESSAGES 77 UIDNEXT 78)\r\n* STATUS Other (MESSAGES 5)\r\n")
        alone.sandbox.script = Script([Rule("command", notices, "LIST"), Rule("command", notices, "STATUS")])
        alone.sandbox.deliver("anna", LETTER, "Box")
        for names in ([BOX, MailboxName("Other")], [BOX]):
            follower.ask(names)
            assert await follower.wait(1)
            assert exists(follower)[BOX] == 1

    async def test_what_comes_together_with_the_question_is_not_lost(self, alone: Bed, follower: Watcher) -> None:
        await follower.follow([INBOX, BOX])
        await follower.examine(INBOX)
        deliver = Do(lambda: alone.sandbox.deliver("anna", LETTER, "Box"))
        alone.sandbox.script = Script([Rule("tagged", deliver, "STATUS")])
        follower.ask([BOX])
        found: dict[str, int] = {}
        with trio.fail_after(SECONDS):
            while found.get(BOX) != 1:
                await follower.wait(1)
                found |= exists(follower)

    async def test_asking_ends_idle_in_one_round_trip(
        self, autojump_clock: MockClock, alone: Bed, follower: Watcher
    ) -> None:
        alone.sandbox.capabilities -= {"NOTIFY"}
        await follower.follow([INBOX, BOX, MailboxName("Other")])
        await follower.examine(INBOX)
        asked = len(alone.sandbox.commands())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(follower.wait, 1000)
            await trio.sleep(50)
            follower.ask([BOX, MailboxName("Other")])
        assert exists(follower) == {BOX: 0, "Other": 0}
        assert [moment.command for moment in alone.sandbox.commands()][asked:] == ["NOOP", "IDLE", "LIST"]

    async def test_what_came_to_the_open_mailbox_is_fetched_while_another_is_asked_after(
        self, alone: Bed, follower: Watcher
    ) -> None:
        state = await follower.examine(INBOX)
        alone.sandbox.deliver("anna", LETTER)
        follower.ask([BOX])
        with trio.fail_after(SECONDS):
            while follower.arrived is None:
                assert await follower.wait(1, {INBOX: Since(state, Uid(1))})
        assert [row.uid for row in follower.arrived.rows] == [Uid(1)]
        assert exists(follower).get(BOX, 0) == 0

    async def test_a_server_that_leaves_meanwhile_is_noticed(self, alone: Bed, follower: Watcher) -> None:
        await follower.examine(INBOX)
        alone.sandbox.script = Script([Rule("command", Close(), "STATUS")])
        follower.ask([BOX])
        with pytest.raises(Exception, match="account mail: the server closed the connection"):
            await follower.wait(SECONDS)
