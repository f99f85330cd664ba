"""`popbridge login`: somebody signs an account in, and is told whether its mailbox opens."""

from typing import NamedTuple

import trio

from bridge.model.failures import UpstreamError
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
    source = _Once(access)
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
    """The one token that there is. What a server says that does not take it is told by who asked for it twice."""

    def __init__(self, access: Secret) -> None:
        self._access = access

    async def token(self, refused: Secret | None = None) -> Secret:
        """Give it."""
        await trio.lowlevel.checkpoint()
        return self._access
