"""SIGKILL while a refresh token is rotated: the new one is used if it was written down, else a sign-in is asked for."""

from pathlib import Path

import pytest

from bridge.model.failures import SignInNeeded
from bridge.model.secret import Secret
from bridge.store import open_store
from tests.faults.outcome import Outcome
from tests.store.crashing_rotation import KEY, keeper
from tests.store.test_crash import crash

OUTCOME = Outcome(
    hears="its list; an owner whose token is lost is asked to sign in",
    within="a restart",
    left="the token that was written down",
)


async def renewed(directory: Path) -> str:
    """Have the token anew after a restart."""
    async with open_store(directory) as store:
        await store.use_keys([KEY])
        one = keeper(directory, store)
        found = await one.token()
        return (await one.token(found)).reveal()


async def test_killed_once_it_was_written_down(tmp_path: Path) -> None:
    assert crash(tmp_path, "token.saved", 1, "crashing_rotation") == ["signed-in"]
    assert await renewed(tmp_path) == "access-3"


async def test_killed_before_it_was_asked_for(tmp_path: Path) -> None:
    """Between two commits: what was kept is the token that the server takes."""
    assert crash(tmp_path, "store.after_commit", 2, "crashing_rotation") == []
    assert await renewed(tmp_path) == "access-2"


async def test_killed_between_its_answer_and_the_disk(tmp_path: Path) -> None:
    """The server has taken the old one back, and nobody knows the new one: that is said, and no password is blamed."""
    assert crash(tmp_path, "token.answered", 1, "crashing_rotation") == ["signed-in"]
    async with open_store(tmp_path) as store:
        await store.use_keys([KEY])
        with pytest.raises(SignInNeeded, match="popbridge login family"):
            await keeper(tmp_path, store).token(Secret("access-1"))
