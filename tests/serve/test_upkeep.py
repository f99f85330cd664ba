"""Over restarts: a refused password is not tried again, and what was used of a server is known."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from bridge.control import ask
from bridge.model.names import AccountId
from bridge.model.secret import Secret
from bridge.model.settings import AccountSettings, ServerSettings, Settings
from bridge.model.upkeep import Refusal, Used
from bridge.sandbox import Rule, SandboxServer, Script
from bridge.sandbox.faults import Answer
from bridge.serve.bridge import Bridge, running_bridge
from bridge.serve.upkeep import Upkeep
from bridge.store import inline, open_store
from tests.serve.support import account

ANNA = AccountId("anna")
WRONG = Secret("not it at all")
RIGHT = Secret("secret")


@dataclass
class Place:
    """An upstream that outlives bridges on one state directory."""

    upstream: SandboxServer
    settings: Settings

    def with_password(self, password: Secret, **changed: Any) -> Settings:
        """Give the configuration with another password."""
        account = replace(self.settings.accounts[ANNA], password=password, **changed)
        self.settings = replace(self.settings, accounts={ANNA: account})
        return self.settings

    @property
    def tried(self) -> int:
        """How often a password was tried."""
        return len(self.upstream.commands("AUTHENTICATE"))

    @asynccontextmanager
    async def bridge(self) -> AsyncIterator[Bridge]:
        async with running_bridge(self.settings, load=lambda: self.settings) as bridge:
            yield bridge

    async def account(self) -> dict[str, Any]:
        """Give what `status` has of the account."""
        (account,) = (await ask(self.settings.server.control, "status"))["accounts"]
        found: dict[str, Any] = account
        return found

    async def until(self, state: str) -> dict[str, Any]:
        """Wait until the account is in a state."""
        with trio.fail_after(10):
            while (account := await self.account())["state"] != state:
                pass
        return account


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    upstream = SandboxServer()
    upstream.add_user("anna", RIGHT.reveal())
    async with trio.open_nursery() as nursery:
        port = await nursery.start(upstream.run)
        account = AccountSettings(ANNA, "anna", "127.0.0.1", port, "none", "anna", WRONG)
        server = ServerSettings(str(tmp_path / "state"), str(tmp_path / "control.sock"))
        yield Place(upstream, Settings(server, (), {ANNA: account}, {}))
        nursery.cancel_scope.cancel()


async def test_a_wrong_password_is_tried_once_over_restarts_and_reloads(place: Place) -> None:
    async with place.bridge() as bridge:
        account = await place.until("needs sign-in")
        assert account["refused"] == {"retried_at": None}
        await bridge.reload()
        place.with_password(WRONG, poll_interval=30)
        await bridge.reload()
        await place.until("needs sign-in")
    for _ in range(3):
        async with place.bridge():
            assert (await place.account())["state"] == "needs sign-in"
            assert "does not take this user and password" in (await place.account())["note"]
    assert place.tried == 1


async def test_another_one_is_tried_at_once(place: Place) -> None:
    async with place.bridge() as bridge:
        await place.until("needs sign-in")
        place.with_password(RIGHT)
        await bridge.reload()
        account = await place.until("online")
        assert account["refused"] is None
    async with place.bridge():
        await place.until("online")
    assert place.tried == 3


async def test_its_owner_may_have_it_tried(place: Place) -> None:
    place.with_password(RIGHT)
    place.upstream.script = Script([Rule("command", Answer("NO", "no", "AUTHENTICATIONFAILED"), "AUTHENTICATE")])
    async with place.bridge():
        await place.until("needs sign-in")
    async with place.bridge():
        await place.until("needs sign-in")
        assert await ask(place.settings.server.control, "account_retry", account="anna") == {"account": "anna"}
        await place.until("online")
    async with place.bridge():
        await place.until("online")
    assert place.tried == 3


async def test_one_that_says_nothing_is_tried_again_later(place: Place) -> None:
    place.upstream.script = Script([Rule("command", Answer("NO", "LOGIN failed."), "AUTHENTICATE", times=None)])
    async with place.bridge() as bridge:
        account = await place.until("needs sign-in")
        assert account["refused"]["retried_at"] == pytest.approx(bridge.since + 600, abs=20)
    async with place.bridge() as bridge:
        account = await place.until("needs sign-in")
        assert account["refused"]["retried_at"] == pytest.approx(bridge.since + 600, abs=20)
    assert place.tried == 1


async def test_a_server_that_wants_to_be_left_alone_is_over_reloads(place: Place) -> None:
    place.with_password(RIGHT)
    said = "Request is throttled. Suggested Backoff Time: 300000 milliseconds"
    place.upstream.script = Script([Rule("command", Answer("NO", said), "AUTHENTICATE")])
    async with place.bridge() as bridge:
        account = await place.until("offline")
        place.with_password(RIGHT, poll_interval=30)
        await bridge.reload()
        assert (await place.until("offline"))["paused"]["until"] == pytest.approx(account["paused"]["until"], abs=5)
        assert place.tried == 1
        place.with_password(Secret("another"))
        await bridge.reload()
        await place.until("needs sign-in")
        assert place.tried == 2


async def test_what_was_used_is_known_after_a_restart(place: Place) -> None:
    place.with_password(RIGHT, provider="gmail")
    async with place.bridge():
        await place.until("online")
    async with place.bridge():
        day = (await place.until("online"))["day"]
        assert day["connections"] == 2
        assert day["octets"] > 1000
        assert (day["budget"], day["background"]) == (2_500_000_000, True)


async def test_near_a_days_end_nothing_is_fetched_in_the_background(place: Place) -> None:
    place.upstream.deliver("anna", b"Subject: one\r\n\r\nHello\r\n")
    place.with_password(RIGHT, provider="gmail")
    async with open_store(place.settings.server.state_dir) as store:
        await store.add_usage({ANNA: {int(time.time() // 3600): Used(2_100_000_000, 40)}})
    async with place.bridge() as bridge:
        with trio.fail_after(10):
            await bridge.listed()
        account = await place.account()
        assert (account["state"], account["day"]["background"]) == ("online", False)
        assert account["day"]["octets"] > 2_100_000_000
        (mailbox,) = account["mailboxes"]
        assert (mailbox["messages"], mailbox["unmeasured"]) == (1, 1)
    place.with_password(RIGHT, provider="")
    async with place.bridge() as bridge:
        with trio.fail_after(10):
            while (await place.account())["mailboxes"][0]["unmeasured"]:
                pass


async def test_a_refusal_is_written_at_once(tmp_path: Path, autojump_clock: MockClock) -> None:
    """A service that is killed and restarted again and again does no harm either."""
    settings = account("family")
    refusal = Refusal(definite=True, tries=1, at=0.0, sentence="account family: no")
    async with open_store(tmp_path, runner=inline) as store, trio.open_nursery() as nursery:
        upkeep = Upkeep(store, time.time)
        nursery.start_soon(upkeep.run)
        await trio.testing.wait_all_tasks_blocked()
        upkeep.refusals(settings)(refusal)
        await trio.sleep(1)
        assert await Upkeep(store, time.time).known_refusal(settings) == refusal
        nursery.cancel_scope.cancel()
