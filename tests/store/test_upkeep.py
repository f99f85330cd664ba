"""What is kept of accounts' servers: what was used of them, and which credentials they refused."""

from pathlib import Path

import pytest

from bridge.model.names import AccountId
from bridge.model.secret import Secret
from bridge.model.upkeep import Refusal, Used
from bridge.store import inline, open_store
from bridge.store.opening import DATABASE
from tests.store.support import FAMILY

WORK = AccountId("work")
HOUR = 480_000
NOW = HOUR * 3600.0
CREDENTIAL = Secret("imap.example.org\0993\0anna\0not the right one")
REFUSAL = Refusal(definite=True, tries=1, at=NOW, sentence="account family: the server does not take this")


def written(directory: Path) -> bytes:
    """Give all that the database and its log hold."""
    return b"".join(path.read_bytes() for path in directory.glob(f"{DATABASE}*"))


async def test_what_was_used_adds_up_over_restarts(tmp_path: Path) -> None:
    async with open_store(tmp_path, runner=inline, now=lambda: NOW) as store:
        await store.add_usage({FAMILY: {HOUR: Used(100, 1)}, WORK: {HOUR - 1: Used(7, 2)}})
    async with open_store(tmp_path, runner=inline, now=lambda: NOW) as store:
        await store.add_usage({FAMILY: {HOUR: Used(50, 2), HOUR - 1: Used(9, 0)}})
        found = await store.load_usage(HOUR - 24)
        assert found == {
            FAMILY: {HOUR - 1: Used(9, 0), HOUR: Used(150, 3)},
            WORK: {HOUR - 1: Used(7, 2)},
        }
        assert await store.load_usage(HOUR - 1) == {FAMILY: {HOUR: Used(150, 3)}}


async def test_what_is_old_is_dropped(tmp_path: Path) -> None:
    clock = [NOW]
    async with open_store(tmp_path, runner=inline, now=lambda: clock[0]) as store:
        await store.add_usage({FAMILY: {HOUR: Used(100, 1)}})
        clock[0] += 48 * 3600
        await store.add_usage({WORK: {HOUR + 48: Used(1, 1)}})
        assert await store.load_usage(0) == {WORK: {HOUR + 48: Used(1, 1)}}


class TestRefusals:
    async def test_the_same_credential_is_known_after_a_restart(self, tmp_path: Path) -> None:
        async with open_store(tmp_path, runner=inline) as store:
            assert await store.load_refusal(FAMILY, CREDENTIAL) is None
            await store.save_refusal(FAMILY, CREDENTIAL, REFUSAL)
        async with open_store(tmp_path, runner=inline) as store:
            assert await store.load_refusal(FAMILY, CREDENTIAL) == REFUSAL
            assert await store.load_refusal(WORK, CREDENTIAL) is None

    async def test_of_another_one_nothing_is_kept(self, tmp_path: Path) -> None:
        async with open_store(tmp_path, runner=inline) as store:
            await store.save_refusal(FAMILY, CREDENTIAL, REFUSAL)
            assert await store.load_refusal(FAMILY, Secret("imap.example.org\0993\0anna\0right")) is None
            assert await store.load_refusal(FAMILY, CREDENTIAL) is None

    async def test_the_last_one_counts(self, tmp_path: Path) -> None:
        later = Refusal(definite=False, tries=2, at=NOW + 600, sentence="again")
        async with open_store(tmp_path, runner=inline) as store:
            await store.save_refusal(FAMILY, CREDENTIAL, REFUSAL)
            await store.save_refusal(FAMILY, CREDENTIAL, later)
            assert await store.load_refusal(FAMILY, CREDENTIAL) == later
            await store.forget_refusal(FAMILY)
            assert await store.load_refusal(FAMILY, CREDENTIAL) is None

    async def test_what_was_refused_is_not_in_the_database(self, tmp_path: Path) -> None:
        async with open_store(tmp_path, runner=inline) as store:
            await store.save_refusal(FAMILY, CREDENTIAL, REFUSAL)
        octets = written(tmp_path)
        assert b"does not take this" in octets
        assert b"not the right one" not in octets

    async def test_it_goes_with_its_account(self, tmp_path: Path) -> None:
        async with open_store(tmp_path, runner=inline, now=lambda: NOW) as store:
            await store.save_refusal(FAMILY, CREDENTIAL, REFUSAL)
            await store.add_usage({FAMILY: {HOUR: Used(100, 1)}})
            await store.forget_account(FAMILY)
            assert await store.load_refusal(FAMILY, CREDENTIAL) is None
            assert await store.load_usage(0) == {}


@pytest.mark.parametrize("known", [True, False])
async def test_the_overview_has_both(tmp_path: Path, known: bool) -> None:
    async with open_store(tmp_path, runner=inline) as store:
        await store.register([FAMILY], [])
        if known:
            await store.save_refusal(FAMILY, CREDENTIAL, REFUSAL)
        (account,) = (await store.overview())["accounts"]
        assert account["refused"] == ({"at": NOW, "definite": 1, "sentence": REFUSAL.sentence} if known else None)
        assert account["used"] == {"octets": 0, "connections": 0}
