"""The door of what runs: new tokens for an account, without a person."""

import time
from collections.abc import Callable
from dataclasses import replace

from bridge.model.failures import SignInNeeded
from bridge.model.oauth import OAuthSettings, Tokens
from bridge.oauth.server import AuthorizationServer


class TokenEndpoint:
    """Gives one account new tokens. Holds no connection and no token; may be used by one task at a time."""

    def __init__(
        self, account: str, settings: OAuthSettings, timeout: float, now: Callable[[], float] = time.time
    ) -> None:
        self._account = account
        self._unattended = settings.unattended
        self._server = AuthorizationServer(account, settings, timeout, now)

    async def refresh(self, tokens: Tokens | None) -> Tokens:
        """Give new tokens for old; `tokens` may be None for flows that need no person.

        A refresh token that the server exchanged is in the result, else the old one is (RFC 6749 §6). Waits at most
        `timeout` for the server, and as long once more the first time where only its issuer is known. Cancelled, the
        server may have exchanged the refresh token all the same. Raises `SignInNeeded` when nothing but a new sign-in
        or another configuration helps, `UpstreamUnavailable` when the server may do better later, `UpstreamBroken` for
        one that cannot be trusted or understood.
        """
        if self._unattended:
            return (await self._server.by_itself()).tokens
        if tokens is None or not tokens.refresh.reveal():
            why = "nobody has signed in yet" if tokens is None else "its token cannot be renewed"
            sentence = f"account {self._account}: {why}: sign in with `popbridge login {self._account}`"
            raise SignInNeeded(self._account, sentence)
        fresh = (await self._server.refreshed(tokens.refresh)).tokens
        return replace(
            fresh,
            refresh=fresh.refresh if fresh.refresh.reveal() else tokens.refresh,
            scope=fresh.scope or tokens.scope,
        )
