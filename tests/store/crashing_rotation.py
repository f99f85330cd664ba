"""A process whose token is rotated, and that is killed at an instant: `python -m tests.store.crashing_rotation`.

Arguments as of `tests.store.crashing`. Beside the state lies what an authorization server knows: the one refresh token
that it still takes. It gives another with each answer, and takes the old one back at once.
"""

import base64
import sys
from pathlib import Path

import trio

from bridge.model.failures import SignInNeeded
from bridge.model.oauth import NO_SECRET, OAuthSettings, Tokens
from bridge.model.secret import Secret
from bridge.model.settings import AccountSettings
from bridge.oauth.keeper import OAUTH, Keeper
from bridge.store import open_store
from tests.store.crashing import strike, told
from tests.store.support import FAMILY

KEY = Secret(base64.b64encode(bytes(32)).decode())
SERVER = "server"


class Strict:
    """An authorization server that rotates refresh tokens."""

    def __init__(self, directory: Path) -> None:
        self._taken = directory / SERVER

    async def refresh(self, tokens: Tokens | None) -> Tokens:
        """Take the newest refresh token alone."""
        await trio.lowlevel.checkpoint()
        newest = int(self._taken.read_text())
        if tokens is None or tokens.refresh.reveal() != f"refresh-{newest}":
            raise SignInNeeded("family", "account family: its sign-in is over: `popbridge login family`")
        self._taken.write_text(str(newest + 1))
        return Tokens(Secret(f"access-{newest + 1}"), 0.0, Secret(f"refresh-{newest + 1}"))


def keeper(directory: Path, store: object) -> Keeper:
    """Give the keeper of the family's token."""
    oauth = OAuthSettings("custom", "device", "client")
    settings = AccountSettings(FAMILY, "family", "127.0.0.1", 993, "none", "anna", NO_SECRET, oauth=oauth)
    return Keeper(settings, Strict(directory), store)  # type: ignore[arg-type]  # a Store


async def live(state_dir: str) -> None:
    """Sign in, then have the token rotated."""
    directory = Path(state_dir)
    (directory / SERVER).write_text("1")
    async with open_store(state_dir) as store:
        await store.use_keys([KEY])
        await store.save_secret(OAUTH, FAMILY, Tokens(Secret("access-1"), 0.0, Secret("refresh-1")).text())
        told("signed-in")
        await keeper(directory, store).token(Secret("access-1"))
        told("rotated")


if __name__ == "__main__":
    strike(sys.argv[2], int(sys.argv[3]))
    trio.run(live, sys.argv[1])
