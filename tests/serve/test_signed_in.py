"""Tokens that somebody signed in for, handed to the store: by a popbridge that runs, and without one."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio

from bridge.model.failures import BridgeError, NoKey, StoreUnavailable, WrongRequest
from bridge.model.names import AccountId
from bridge.model.oauth import OAuthSettings, Tokens
from bridge.model.secret import Secret
from bridge.model.settings import Settings
from bridge.serve.admin import Administration, NotNow, Running
from bridge.serve.offline import administer_offline
from bridge.serve.progress import unwatched
from bridge.serve.requests import carry_out
from bridge.serve.returns import Returns
from bridge.store import Store, open_store
from tests.serve.live import FakeLive
from tests.serve.support import device, settings

KEY = Secret(base64.b64encode(b"k" * 32).decode())
TOKENS = Tokens(Secret("access-hunter2"), 5.0, Secret("refresh-hunter2"), "imap")
FAMILY = AccountId("family-id")


@pytest.fixture
def loaded(tmp_path: Path) -> Settings:
    """Give a configuration whose account signs in by token, with a key and a state directory yet to be made."""
    found = settings(tmp_path / "state", device("fax"))
    oauth = OAuthSettings("custom", "device", "popbridge")
    accounts = {one.id: replace(one, oauth=oauth) for one in found.accounts.values()}
    return replace(found, accounts=accounts, server=replace(found.server, token_keys=(KEY,)))


def asked(tokens: object = None) -> Mapping[str, Any]:
    return {"account": "family", "tokens": TOKENS.text().reveal() if tokens is None else tokens}


async def kept(store: Store) -> Tokens | None:
    found = await store.load_secret("oauth", FAMILY)
    return Tokens.parse(found) if found else None


async def test_a_popbridge_that_runs_keeps_and_uses_them(loaded: Settings) -> None:
    live = FakeLive()
    async with open_store(loaded.server.state_dir) as store:
        await store.use_keys([KEY])
        admin = Administration(store, loaded, Running(live, Returns(store, live)))
        assert await carry_out(admin, "account_signed_in", asked(), unwatched) == {"account": "family"}
        assert await kept(store) == TOKENS
    assert live.new_tokens == [FAMILY]


def test_without_one_the_database_is_begun(loaded: Settings) -> None:
    assert administer_offline(loaded, "account_signed_in", asked()) == {"account": "family"}
    database = b"".join(one.read_bytes() for one in Path(loaded.server.state_dir).iterdir())
    assert b"hunter2" not in database


async def test_what_was_kept_without_one_is_there_for_the_next(loaded: Settings) -> None:

    await trio.to_thread.run_sync(administer_offline, loaded, "account_signed_in", asked())
    async with open_store(loaded.server.state_dir) as store:
        await store.use_keys([KEY])
        assert await kept(store) == TOKENS


@pytest.mark.parametrize("tokens", [7, "hunter2", '{"access": "hunter2"}', "x" * 300_000])
def test_what_are_no_tokens_is_refused_unshown(tokens: object, loaded: Settings) -> None:
    with pytest.raises(WrongRequest, match="tokens must be a text as they are kept") as caught:
        administer_offline(loaded, "account_signed_in", asked(tokens))
    assert "hunter2" not in str(caught.value)


def test_without_a_key_nothing_is_kept(loaded: Settings) -> None:
    with pytest.raises(NoKey):
        administer_offline(replace(loaded, server=replace(loaded.server, token_keys=())), "account_signed_in", asked())


@pytest.mark.parametrize("command", ["account_signed_in", "account_may_sign_in"])
def test_an_account_with_a_password_takes_none(command: str, loaded: Settings) -> None:
    accounts = {one.id: replace(one, oauth=None) for one in loaded.accounts.values()}
    with pytest.raises(NotNow, match="does not sign in by token"):
        administer_offline(
            replace(loaded, accounts=accounts),
            command,
            asked() if command == "account_signed_in" else {"account": "family"},
        )


def test_that_it_could_not_be_kept_is_told_before_anybody_signs_in(loaded: Settings) -> None:
    assert administer_offline(loaded, "account_may_sign_in", {"account": "family"}) == {"account": "family"}
    without = replace(loaded, server=replace(loaded.server, token_keys=()))
    with pytest.raises(NoKey, match="has no key to keep tokens with"):
        administer_offline(without, "account_may_sign_in", {"account": "family"})


def test_another_user_s_directory_is_not_begun_in(loaded: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the service would find files that it cannot open."""
    Path(loaded.server.state_dir).mkdir()
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    with pytest.raises(StoreUnavailable, match="is another user's: start popbridge first"):
        administer_offline(loaded, "account_signed_in", asked())
    assert list(Path(loaded.server.state_dir).iterdir()) == []


def test_other_commands_begin_no_database(loaded: Settings) -> None:
    with pytest.raises(BridgeError, match="there is no database"):
        administer_offline(loaded, "resume", {})
