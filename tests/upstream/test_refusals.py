"""A password that a server refused is tried once per change, not once per poll."""

import math
import time

import pytest
import trio
from trio.testing import MockClock

from bridge.model.failures import SignInNeeded, UpstreamLoginFailed
from bridge.model.upkeep import Refusal
from bridge.sandbox import Rule, Script
from bridge.sandbox.faults import Answer
from bridge.upstream import Account
from bridge.upstream.refusals import SIGN_IN_PAUSE, UNCLEAR_PAUSES, Refusals
from tests.upstream.beds import Bed, Connects, running

WEEK = 7 * 86400.0
NOW = 1_700_000_000.0
SAID = UpstreamLoginFailed("mail", "account mail: the server does not take this user and password")


async def look(account: Account) -> None:
    """Have the account sign in."""
    async with account.watch():
        pass


async def refused(account: Account) -> None:
    """See that it does not sign in."""
    with pytest.raises(UpstreamLoginFailed):
        await look(account)


def refusing(bed: Bed, text: str, code: str = "", times: int | None = None) -> Rule:
    """Have the server refuse the password."""
    rule = Rule("command", Answer("NO", text, code), "AUTHENTICATE", times=times)
    bed.sandbox.script = Script([rule])
    return rule


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("no", "AUTHENTICATIONFAILED"),
        ("Invalid credentials (Failure)", "AUTHENTICATIONFAILED"),
        ("your password is too old", "EXPIRED"),
        ("Application-specific password required: https://support.google.com/accounts/answer/185833", "ALERT"),
        ("Basic authentication is disabled.", ""),
        ("Invalid username or password", ""),
    ],
)
async def test_a_definite_one_is_not_tried_again(autojump_clock: MockClock, alone: Bed, text: str, code: str) -> None:
    rule = refusing(alone, text, code)
    connects = Connects()
    async with running(alone.settings(), connect=connects) as account:
        for _ in range(4):
            await refused(account)
            await trio.sleep(WEEK)
        assert (connects.made, rule.struck) == (1, 1)
        assert account.health.retried_at == math.inf
        account.sign_in_again()
        await refused(account)
        assert rule.struck == 2
        alone.sandbox.script = Script()
        account.sign_in_again()
        await look(account)
        assert account.health.state == "online"
        assert account.health.retried_at is None


@pytest.mark.parametrize("text", ["authentication failed", "LOGIN failed.", "AUTHENTICATE failed."])
async def test_one_that_does_not_say_why_is_tried_again_slowly(
    autojump_clock: MockClock, alone: Bed, text: str
) -> None:
    rule = refusing(alone, text, times=4)
    async with running(alone.settings()) as account:
        for tries, pause in enumerate([*UNCLEAR_PAUSES, UNCLEAR_PAUSES[-1]], 1):
            await refused(account)
            assert account.health.retried_at == pytest.approx(time.time() + pause, abs=5)
            await trio.sleep(pause - 1)
            await refused(account)
            assert rule.struck == tries
            await trio.sleep(1)
        await look(account)
        assert account.health.state == "online"


async def test_what_is_known_from_before_a_restart_is_not_tried(autojump_clock: MockClock, alone: Bed) -> None:
    connects = Connects()
    heard: list[Refusal | None] = []
    known = Refusal(definite=True, tries=1, at=time.time() - WEEK, sentence=str(SAID))
    async with running(alone.settings(), connect=connects) as account:
        account.keep_refusals(known, heard.append)
        await refused(account)
        assert (connects.made, heard) == (0, [])
        assert (account.health.state, account.health.note) == ("needs sign-in", str(SAID))
        account.sign_in_again()
        assert heard == [None]
        await look(account)
        assert account.health.state == "online"


async def test_what_is_to_be_kept_is_told(autojump_clock: MockClock, alone: Bed) -> None:
    refusing(alone, "no", "AUTHENTICATIONFAILED", times=1)
    heard: list[Refusal | None] = []
    async with running(alone.settings()) as account:
        account.keep_refusals(None, heard.append)
        await refused(account)
        account.sign_in_again()
        await look(account)
    kept, nothing = heard
    assert kept is not None
    assert (kept.definite, kept.tries, nothing) == (True, 1, None)
    assert "does not take this user and password" in kept.sentence


class TestOverARestart:
    """Time goes on while nothing runs; clocks do not always go forward."""

    @pytest.mark.parametrize(
        ("tries", "ago", "left"),
        [
            (1, 0.0, UNCLEAR_PAUSES[0]),
            (1, 100.0, UNCLEAR_PAUSES[0] - 100),
            (1, WEEK, 0.0),
            (2, 0.0, UNCLEAR_PAUSES[1]),
            (99, 0.0, UNCLEAR_PAUSES[-1]),
            (1, -WEEK, UNCLEAR_PAUSES[0]),
        ],
    )
    async def test_an_unclear_one(self, autojump_clock: MockClock, tries: int, ago: float, left: float) -> None:
        refusals = Refusals("mail", lambda: NOW)
        refusals.remember(Refusal(definite=False, tries=tries, at=NOW - ago, sentence=str(SAID)))
        assert (refusals.standing is not None) == (left > 0)
        await trio.sleep(left)
        assert refusals.standing is None

    async def test_the_count_goes_on(self, autojump_clock: MockClock) -> None:
        refusals = Refusals("mail", lambda: NOW)
        refusals.remember(Refusal(definite=False, tries=1, at=NOW - WEEK, sentence=str(SAID)))
        refusals.refused(SAID, definite=False)
        assert refusals.retried_at == NOW + UNCLEAR_PAUSES[1]


async def test_who_has_to_sign_in_is_nobodys_wrong_password(autojump_clock: MockClock) -> None:
    heard: list[Refusal | None] = []
    refusals = Refusals("mail", lambda: NOW)
    refusals.changed = heard.append
    needed = SignInNeeded("mail", "account mail: run popbridge login mail")
    assert refusals.refused(needed, definite=True)
    assert not refusals.refused(needed, definite=True)
    assert (heard, refusals.retried_at) == ([], NOW + SIGN_IN_PAUSE)
