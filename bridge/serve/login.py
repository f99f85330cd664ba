"""`popbridge login`: somebody signs an account in, and is told whether its mailbox opens."""

from typing import NamedTuple

import trio

from bridge.model.failures import SignInNeeded, UpstreamError
from bridge.model.oauth import OAuthSettings
from bridge.model.secret import Secret
from bridge.model.settings import AccountSettings, Settings
from bridge.net import NetError
from bridge.oauth import Granted, Person, Return, sign_in
from bridge.upstream import Account


class Opened(NamedTuple):
    """Whether a mailbox opened, and a sentence on it."""

    ok: bool
    note: str


def sign_in_account(
    settings: Settings, account: AccountSettings, oauth: OAuthSettings, person: Person, way: Return
) -> Granted:
    """Have tokens for an account, in the way that its `oauth` says. Waits for whoever signs in, ten minutes or as
    long as a code lives. Raises `UpstreamError`s, or `NetError` where the redirect's port is not to be had.
    """
    return trio.run(sign_in, account.name, oauth, settings.server.upstream_timeout, person, way)


def opened(settings: Settings, account: AccountSettings, access: Secret) -> Opened:
    """Sign in to the account's IMAP server with a new token, and tell what came of it."""
    return trio.run(_opened, account, access, settings.server.upstream_timeout)


async def _opened(account: AccountSettings, access: Secret, timeout: float) -> Opened:
    source = _Once(account.name, access)
    try:
        report = await Account(account, timeout=timeout, tokens=source).probe()
    except (UpstreamError, NetError) as failure:
        return Opened(False, str(failure))
    missing = [one.problem for one in report.mailboxes if one.problem]
    if missing:
        return Opened(False, f"account {account.name}: {'; '.join(missing)}")
    names = ", ".join(f"{one.name} ({one.messages} messages)" for one in report.mailboxes)
    return Opened(True, f"account {account.name}: {account.host} opened {names}")


class _Once:
    """The one token that there is; one that is not taken is not replaced."""

    def __init__(self, account: str, access: Secret) -> None:
        self._account = account
        self._access = access

    async def token(self, refused: Secret | None = None) -> Secret:
        """Give it."""
        await trio.lowlevel.checkpoint()
        if refused is not None:
            sentence = f"account {self._account}: the IMAP server does not take the new token"
            raise SignInNeeded(self._account, sentence)
        return self._access
