"""The families of failure. Each carries a sentence for people; what a device hears is `session/answers.py`'s alone."""


class BridgeError(Exception):
    """Anything popbridge raises on purpose. `str()` is a sentence, free of secrets: what happened, what to do."""


class ConfigError(BridgeError):
    """The config is wrong. `problems` holds every mistake found, as `FILE:LINE: table.key: what is wrong`."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class WrongRequest(BridgeError):
    """A command names something that there is not, or asks for something that makes no sense: not carried out."""


class UpstreamError(BridgeError):
    """An account could not do what was asked. The account's name is in `account`.

    `password_told`: signing in came so far that the password was sent, and whatever the server made of it may count
    against the account.
    """

    password_told = False

    def __init__(self, account: str, sentence: str) -> None:
        super().__init__(sentence)
        self.account = account


class UpstreamUnavailable(UpstreamError):
    """The server cannot be reached, closed, took too long, or says it cannot just now: try again later.

    `pause` is how many seconds it wants to be left alone, 0 where it does not say. `throttled` says that this is meant
    for the whole account, what is connected included; `crowded`, that it bears fewer connections than there were.
    """

    def __init__(
        self, account: str, sentence: str, pause: float = 0.0, *, throttled: bool = False, crowded: bool = False
    ) -> None:
        super().__init__(account, sentence)
        self.pause = pause
        self.throttled = throttled
        self.crowded = crowded


class UpstreamRefused(UpstreamError):
    """The server answered NO or BAD to a command; `code` is its response code in capitals, or empty."""

    def __init__(self, account: str, sentence: str, code: str = "") -> None:
        super().__init__(account, sentence)
        self.code = code


class UpstreamLoginFailed(UpstreamError):
    """The server does not take the account's user and password. Not tried again until they change."""


class SignInNeeded(UpstreamLoginFailed):
    """There is no token for the account, or none that its authorization server takes: its owner has to sign in.

    Nothing but `popbridge login ACCOUNT`, or another configuration, mends it.
    """


class UpstreamBroken(UpstreamError):
    """The server broke the protocol, or its TLS cannot be trusted: the connection was dropped."""


class MailboxMissing(UpstreamError):
    """A mailbox that a device reads does not exist upstream: an outage, not emptiness."""


class MailboxChanged(UpstreamError):
    """UIDVALIDITY is no longer what the index has: the index must look again."""


class MessageGone(UpstreamError):
    """The message is no longer upstream."""


class MessageChanged(UpstreamError):
    """The message's octets are not what they were a moment ago: what was begun cannot be finished."""


class StoreError(BridgeError):
    """The database could not do what was asked."""


class StoreUnavailable(StoreError):
    """Nothing was written: disk full, read-only, locked or damaged. The transaction was rolled back."""


class StoreNewer(StoreError):
    """The database was written by a newer popbridge."""


class StoreMissing(StoreError):
    """State existed here before, and the database is gone: starting empty needs `--new-state`."""


class StoreLocked(StoreError):
    """Another popbridge holds the state directory."""


class NoKey(BridgeError):
    """A secret would be sealed or opened, and the configuration has no key for that."""


class SealBroken(BridgeError):
    """A sealed secret does not open: another key sealed it, or it was altered, or lies in another's row."""


class NotListedYet(BridgeError):
    """No source of the device has an index yet: a login is refused for now. `listed` and `of` tell how far the first
    listing is, in messages; `of` is 0 while it has not begun.
    """

    def __init__(self, sentence: str, listed: int = 0, of: int = 0) -> None:
        super().__init__(sentence)
        self.listed = listed
        self.of = of


class SignInsHeldBack(BridgeError):
    """An upstream refused so many passwords lately that it is not asked about another just now."""


class NoRoom(BridgeError):
    """As many accounts run as may, and each of them has a device in a session."""


class MaildropInUse(BridgeError):
    """Another session of the device holds its lease."""
