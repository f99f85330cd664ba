"""No account has two keepers, over reloads: an authorization server takes a sign-in back whose token it sees twice."""

import base64
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from bridge.model.failures import UpstreamUnavailable
from bridge.model.names import AccountId
from bridge.model.oauth import Tokens
from bridge.model.secret import Secret
from bridge.model.settings import AccountSettings
from bridge.oauth import Keeper
from bridge.serve.keepers import Keepers
from bridge.store import open_store
from tests.oauth.scripted import Scripted, scripted, settings, token

KEY = Secret(base64.b64encode(b"k" * 32).decode())
SECONDS = 0.5
"""What the authorization server may take."""


@asynccontextmanager
async def keepers(directory: Path, *answers: bytes | None) -> AsyncIterator[tuple[Keepers, AccountSettings, Scripted]]:
    """Give keepers, the settings of an account whose token is over, and its authorization server."""
    going = trio.Event()
    async with open_store(str(directory)) as store, scripted(*answers) as server, trio.open_nursery() as nursery:
        await store.use_keys([KEY])
        await store.save_secret("oauth", "mail", Tokens(Secret("over"), 1.0, Secret("r1")).text())
        account = AccountSettings(
            AccountId("mail"), "mail", "h", 1, "none", "anna", Secret(""), oauth=settings(server.url)
        )
        yield Keepers(store, nursery, time.time, going), account, server
        nursery.cancel_scope.cancel()


async def ready(found: Keepers, account: AccountSettings) -> Keeper:
    """Give the keeper."""
    keeper = await found.ready(account, SECONDS)
    assert keeper is not None
    return keeper


async def test_what_has_nothing_to_do_with_it_changes_nothing(tmp_path: Path) -> None:
    async with keepers(tmp_path) as (found, account, _):
        keeper = await ready(found, account)
        assert await ready(found, replace(account, poll_interval=7)) is keeper
        assert found.get(account.id) is keeper


async def test_one_that_has_to_go_ends_its_refresh_first(tmp_path: Path) -> None:
    async with keepers(tmp_path, None, token(refresh_token="r2")) as (found, account, server):
        former = await ready(found, account)
        async with trio.open_nursery() as nursery:

            async def ask() -> None:
                with pytest.raises(UpstreamUnavailable):
                    await former.token()
                ended.append(trio.current_time())

            ended: list[float] = []
            nursery.start_soon(ask)
            with trio.fail_after(5):
                while not server.forms:
                    await trio.testing.wait_all_tasks_blocked(0.01)
            assert account.oauth is not None
            other = await ready(found, replace(account, oauth=replace(account.oauth, client_id="another")))
            assert ended
            assert other is not former
        assert (await other.token()).reveal() == "at-1"
        with pytest.raises(UpstreamUnavailable, match="its configuration has changed"):
            await former.token()
        assert [form["client_id"] for form in server.forms] == ["popbridge", "another"]


async def test_an_account_that_signs_in_otherwise_has_none(tmp_path: Path) -> None:
    async with keepers(tmp_path) as (found, account, _):
        await ready(found, account)
        assert await found.ready(replace(account, oauth=None, password=Secret("x")), SECONDS) is None
        assert found.get(account.id) is None


async def test_those_in_trouble_are_tried_again(tmp_path: Path) -> None:
    async with keepers(tmp_path, None, token(refresh_token="r2")) as (found, account, _):
        keeper = await ready(found, account)
        assert found.try_again() == []
        for _ in range(2):  # the second time it is not asked
            with pytest.raises(UpstreamUnavailable):
                await keeper.token()
        assert found.try_again() == [account.id]
        assert (await keeper.token()).reveal() == "at-1"
