"""Tokens for what an owner's command does by itself, beside the accounts that run or while none do."""

import time
from collections.abc import Callable

import trio

from bridge.model.secret import Secret, SecretKind
from bridge.model.settings import AccountSettings
from bridge.oauth import Keeper, TokenEndpoint
from bridge.oauth.keeper import TokenStore


class Unkept:
    """Keeps nothing: for flows that have a token at any time."""

    async def load_secret(self, kind: SecretKind, owner: str) -> Secret | None:
        """There is none."""
        await trio.lowlevel.checkpoint()
        return None

    async def save_secret(self, kind: SecretKind, owner: str, secret: Secret) -> None:
        """Let it go."""
        await trio.lowlevel.checkpoint()


def token_source(
    account: AccountSettings, timeout: float, store: TokenStore, now: Callable[[], float] = time.time
) -> Keeper | None:
    """Give what keeps the account's token for a moment, None where it signs in otherwise. No other may keep it then."""
    if account.oauth is None:
        return None
    return Keeper(account, TokenEndpoint(account.name, account.oauth, timeout, now), store, now)
