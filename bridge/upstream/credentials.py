"""Where an account's token comes from, seen from its connections."""

from typing import Protocol

from bridge.model.secret import Secret


class TokenSource(Protocol):
    """Keeps one account's token good."""

    async def token(self, refused: Secret | None = None) -> Secret:
        """Give a token that is good as far as is known; another than `refused`, which the server did not take.

        Waits for an authorization server, if at all, within a deadline. Raises `SignInNeeded` where only the account's
        owner can help, else `UpstreamUnavailable` or `UpstreamBroken`.
        """
        ...
