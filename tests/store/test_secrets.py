"""Secrets in the database: sealed, each for its row, and sealed again when a new key comes."""

import base64
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bridge.model.failures import NoKey, SealBroken
from bridge.model.secret import Secret
from bridge.store import open_store
from bridge.store.opening import DATABASE
from tests.store.support import FAMILY, FAX

OLD, NEW = (Secret(base64.b64encode(bytes([number]) * 32).decode()) for number in (1, 2))
TOKEN = Secret("refresh-token-of-the-family")


def rows(state_dir: Path) -> dict[tuple[str, str], bytes]:
    """Give what is kept, as it lies on the disk."""
    with closing(sqlite3.connect(state_dir / DATABASE)) as db:
        return {
            (kind, owner): sealed
            for kind, owner, sealed in db.execute("SELECT kind, owner, sealed FROM sealed_secrets")
        }


def everything(state_dir: Path) -> bytes:
    """Give the octets of every file."""
    return b"".join(file.read_bytes() for file in state_dir.iterdir() if file.is_file())


async def test_a_secret_is_there_after_a_restart_and_readable_nowhere(tmp_path: Path) -> None:
    async with open_store(tmp_path, now=lambda: 1000.0) as store:
        await store.use_keys([NEW])
        await store.save_secret("oauth", FAMILY, TOKEN)
        await store.save_secret("remembered", FAMILY, Secret("other"))
    async with open_store(tmp_path) as store:
        await store.use_keys([NEW])
        assert await store.load_secret("oauth", FAMILY) == TOKEN
        assert await store.load_secret("remembered", FAMILY) == Secret("other")
        assert await store.load_secret("oauth", "nobody") is None
        assert await store.secret_owners("oauth") == {FAMILY: 1000.0}
    assert TOKEN.reveal().encode() not in everything(tmp_path)


async def test_a_later_secret_takes_the_place_of_the_earlier(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await store.use_keys([NEW])
        await store.save_secret("oauth", FAMILY, TOKEN)
        await store.save_secret("oauth", FAMILY, Secret("later"))
        assert await store.load_secret("oauth", FAMILY) == Secret("later")
        await store.forget_secret("oauth", FAMILY)
        assert await store.load_secret("oauth", FAMILY) is None


async def test_without_a_key_nothing_is_kept(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        assert await store.use_keys([]) == 0
        assert not store.keeps_secrets
        with pytest.raises(NoKey, match="token_key_file"):
            await store.save_secret("oauth", FAMILY, TOKEN)
    assert rows(tmp_path) == {}


async def test_a_new_key_seals_again_what_an_older_one_sealed(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await store.use_keys([OLD])
        await store.save_secret("oauth", FAMILY, TOKEN)
        assert await store.use_keys([NEW, OLD]) == 1
        assert await store.use_keys([NEW, OLD]) == 0
        assert await store.use_keys([NEW]) == 0
        assert await store.load_secret("oauth", FAMILY) == TOKEN


async def test_what_no_key_opens_stays_and_keeps_nobody_else_back(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await store.use_keys([OLD])
        await store.save_secret("oauth", FAMILY, TOKEN)
        lost = rows(tmp_path)["oauth", FAMILY]
        assert await store.use_keys([NEW]) == 0
        with pytest.raises(SealBroken):
            await store.load_secret("oauth", FAMILY)
        await store.save_secret("oauth", "work", TOKEN)
        assert await store.load_secret("oauth", "work") == TOKEN
    assert rows(tmp_path)["oauth", FAMILY] == lost


async def test_a_row_put_in_anothers_place_does_not_open(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await store.use_keys([NEW])
        await store.save_secret("oauth", FAMILY, TOKEN)
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db, db:
        db.execute("UPDATE sealed_secrets SET owner = 'work'")
    async with open_store(tmp_path) as store:
        await store.use_keys([NEW])
        with pytest.raises(SealBroken):
            await store.load_secret("oauth", "work")


async def test_a_forgotten_accounts_secrets_are_gone(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await store.use_keys([NEW])
        await store.register([FAMILY], [FAX])
        await store.save_secret("oauth", FAMILY, TOKEN)
        await store.save_secret("remembered", FAMILY, TOKEN)
        await store.save_secret("oauth", "work", TOKEN)
        await store.forget_account(FAMILY)
    assert list(rows(tmp_path)) == [("oauth", "work")]
