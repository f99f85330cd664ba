"""How long a server wants to be left alone, by what it says."""

import time

import pytest
import trio
from trio.testing import MockClock

from bridge.model.failures import UpstreamError, UpstreamLoginFailed, UpstreamUnavailable
from bridge.sandbox import Rule, Script
from bridge.sandbox.faults import Answer, Bye, Do, Fault
from bridge.upstream.failures import Asked, asked_of
from bridge.upstream.pool import FEWER_SECONDS
from bridge.upstream.quiet import Quiet
from tests.upstream.beds import INBOX, LETTER, Bed, Connects, place_of, read, running

ASKED = "Request is throttled. Suggested Backoff Time: 92415 milliseconds"


@pytest.mark.parametrize(
    ("point", "command", "fault", "pause"),
    [
        ("command", "EXAMINE", Answer("NO", ASKED, "THROTTLED"), 92.415),
        ("command", "EXAMINE", Answer("BAD", ASKED), 92.415),
        ("command", "EXAMINE", Bye(ASKED), 92.415),
        ("command", "EXAMINE", Answer("NO", "slowly", "THROTTLED"), 60),
        ("command", "AUTHENTICATE", Answer("NO", "busy", "UNAVAILABLE"), 5),
        ("greeting", "", Bye("too many connections", "LIMIT"), 30),
        ("command", "EXAMINE", Bye("see you"), 0),
        ("command", "EXAMINE", Answer("NO", "Suggested Backoff Time: 999999999 milliseconds"), 3600),
    ],
)
async def test_what_it_asks_for(alone: Bed, point: str, command: str, fault: Fault, pause: float) -> None:
    alone.sandbox.script = Script([Rule("greeting" if point == "greeting" else "command", fault, command)])
    async with running(alone.settings()) as account:
        with pytest.raises(UpstreamUnavailable) as failure:
            async with account.watch() as watcher:
                await watcher.examine(INBOX)
    assert failure.value.pause == pytest.approx(pause)


@pytest.mark.parametrize(
    ("code", "text", "asked"),
    [
        ("", "see you", Asked()),
        ("", ASKED, Asked(92.415, throttled=True)),
        ("THROTTLED", "slowly", Asked(60, throttled=True)),
        ("OVERQUOTA", "Account exceeded command or bandwidth limits. (Failure)", Asked(3600, throttled=True)),
        ("ALERT", "Too many simultaneous connections. (Failure)", Asked(60, crowded=True)),
        (
            "UNAVAILABLE",
            "Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)",
            Asked(5, crowded=True),
        ),
        ("", "Maximum connection limit reached for ::1", Asked(60, crowded=True)),
        ("LIMIT", "Rate limit hit.", Asked(30, throttled=True)),
        ("OVERQUOTA", "Mailbox is full", Asked()),
    ],
)
def test_what_its_words_mean(code: str, text: str, asked: Asked) -> None:
    assert asked_of(code, text) == asked


class TestKept:
    """Whoever would have the server asked, watcher or device, it is left alone for as long as it wants."""

    @pytest.mark.parametrize(
        ("rule", "seconds"),
        [
            (Rule("greeting", Bye("too many connections", "LIMIT")), 30),
            (Rule("command", Answer("NO", "busy", "UNAVAILABLE"), "AUTHENTICATE"), 5),
            (Rule("command", Bye(ASKED), "EXAMINE"), 92.415),
        ],
    )
    async def test_nobody_connects_meanwhile(
        self, autojump_clock: MockClock, alone: Bed, rule: Rule, seconds: float
    ) -> None:
        uid = alone.sandbox.deliver("anna", LETTER)
        alone.sandbox.script = Script([rule])
        connects = Connects()
        async with running(alone.settings(), connect=connects) as account:
            with pytest.raises(UpstreamUnavailable):
                async with account.watch() as watcher:
                    await watcher.examine(INBOX)
            await trio.sleep(seconds - 1)
            for _ in range(3):
                with pytest.raises(UpstreamUnavailable, match="to be left alone for another 1 s") as failure:
                    await read(account, place_of(alone, uid))
                assert 0 < failure.value.pause <= 1
            assert connects.made == 1
            await trio.sleep(1)
            assert await read(account, place_of(alone, uid)) == LETTER
            assert connects.made == 2


class TestThrottled:
    """A server that throttles the account is asked for nothing, over the connections there are either."""

    async def test_nothing_is_asked_meanwhile(self, autojump_clock: MockClock, alone: Bed) -> None:
        uid = alone.sandbox.deliver("anna", LETTER)
        rule = Rule("command", Answer("NO", ASKED, "THROTTLED"), "UID FETCH")
        async with running(alone.settings()) as account, account.watch() as watcher:
            await watcher.examine(INBOX)
            assert await read(account, place_of(alone, uid)) == LETTER
            alone.sandbox.script = Script([rule])
            with pytest.raises(UpstreamUnavailable, match="Suggested Backoff Time"):
                await read(account, place_of(alone, uid))
            asked = len(alone.sandbox.commands())
            for _ in range(3):
                with pytest.raises(UpstreamUnavailable, match="to be left alone"):
                    await read(account, place_of(alone, uid))
            assert len(alone.sandbox.commands()) == asked
            health = account.health
            assert health.state == "online"
            assert health.paused_until == pytest.approx(time.time() + 92.415, abs=5)
            assert "Suggested Backoff Time" in health.paused_why
            await trio.sleep(93)
            assert account.health.paused_until == 0
            assert await read(account, place_of(alone, uid)) == LETTER

    async def test_it_is_logged_once(self, autojump_clock: MockClock, capsys: pytest.CaptureFixture[str]) -> None:
        quiet = Quiet("mail")
        for seconds, told in ((60, 1), (60, 0), (100, 0), (10, 0), (600, 1)):
            quiet.asked(UpstreamUnavailable("mail", "account mail: slowly", seconds))
            assert capsys.readouterr().err.count("upstream.paused") == told
            await trio.sleep(1)
        assert quiet.left == 599


class TestCrowded:
    """A server that says that there are too many connections is not asked for as many again for a while."""

    async def test_by_taking_leave(
        self, autojump_clock: MockClock, alone: Bed, capsys: pytest.CaptureFixture[str]
    ) -> None:
        uids = [alone.sandbox.deliver("anna", LETTER) for _ in range(6)]
        connects = Connects()
        async with running(alone.settings(max_connections=4), connect=connects) as account, account.watch() as watcher:
            await watcher.examine(INBOX)
            assert account.health.most == 4
            leave = Rule("command", Bye("Too many simultaneous connections"), "EXAMINE")
            alone.sandbox.script = Script([leave])
            assert await read(account, place_of(alone, uids[0])) == LETTER
            assert account.health.most == 1
            (told,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("upstream.fewer")]
            assert "connections=1" in told
            assert "Too many simultaneous connections" in told
            assert account.health.fewer_until == pytest.approx(time.time() + FEWER_SECONDS, abs=5)
            made = connects.made
            await trio.sleep(61)
            for uid in uids:
                assert await read(account, place_of(alone, uid)) == LETTER
            assert connects.made == made
            await trio.sleep(FEWER_SECONDS)
            assert (account.health.most, account.health.fewer_until) == (4, 0)

    async def test_by_half_a_connection(self, autojump_clock: MockClock, alone: Bed) -> None:
        """Exchange Online counts connections for a while that have ended, and then has no place for another one."""
        uid = alone.sandbox.deliver("anna", LETTER)
        half = Answer("BAD", "User is authenticated but not connected.")
        async with running(alone.settings(max_connections=4)) as account, account.watch() as watcher:
            await watcher.examine(INBOX)
            alone.sandbox.script = Script([Rule("command", half, "EXAMINE")])
            assert await read(account, place_of(alone, uid)) == LETTER
            assert account.health.most < 4


class TestOneAtATime:
    """An account signs in one connection at a time, and who waits for that shares its failure."""

    async def crowd(self, alone: Bed, connects: Connects, people: int = 3) -> list[UpstreamError | bytes]:
        uid = alone.sandbox.deliver("anna", LETTER)
        found: list[UpstreamError | bytes] = []

        async def come() -> None:
            try:
                found.append(await read(account, place_of(alone, uid)))
            except UpstreamError as failure:
                found.append(failure)

        settings = alone.settings(max_connections=people)
        async with running(settings, connect=connects) as account, trio.open_nursery() as nursery:
            for _ in range(people):
                nursery.start_soon(come)
        return found

    async def test_a_wrong_password_is_tried_once(self, alone: Bed) -> None:
        wrong = Answer("NO", "no", "AUTHENTICATIONFAILED")
        alone.sandbox.script = Script([Rule("command", wrong, "AUTHENTICATE", times=None)])
        connects = Connects()
        found = await self.crowd(alone, connects)
        assert [type(each) for each in found] == [UpstreamLoginFailed] * 3
        assert (connects.made, len(alone.sandbox.commands("AUTHENTICATE"))) == (1, 1)

    async def test_a_server_that_is_down_is_asked_once(self, alone: Bed) -> None:
        alone.sandbox.script = Script([Rule("greeting", Bye("maintenance"), times=None)])
        connects = Connects()
        found = await self.crowd(alone, connects)
        assert all(isinstance(each, UpstreamUnavailable) for each in found)
        assert connects.made == 1

    async def test_no_two_at_once(self, autojump_clock: MockClock, alone: Bed) -> None:
        signing_in, most = 0, 0

        def begin() -> None:
            nonlocal signing_in, most
            signing_in += 1
            most = max(most, signing_in)

        def end() -> None:
            nonlocal signing_in
            signing_in -= 1

        alone.sandbox.script = Script(
            [Rule("greeting", Do(begin), times=None), Rule("tagged", Do(end), "AUTHENTICATE", times=None)]
        )
        assert await self.crowd(alone, Connects()) == [LETTER] * 3
        assert most == 1
