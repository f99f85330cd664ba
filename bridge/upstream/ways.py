"""Which ways of signing in are tried, and in what order: what the server offers decides."""

import secrets
from collections.abc import Callable, Collection, Iterator

from bridge.model.secret import Secret
from bridge.model.settings import AccountSettings
from bridge.sasl import Conversation, CramMd5, OAuthBearer, Plain, SaslError, ScramClient, XOAuth2
from bridge.upstream.link import Link

LOGIN = "LOGIN"
"""The command of that name, which is no mechanism."""

IN_TLS = ("SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", LOGIN, "CRAM-MD5")
"""With TLS a password may be sent; CRAM-MD5 is last, since it wants servers to keep passwords in clear."""

IN_CLEAR = ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", LOGIN)
"""Without TLS what does not show the password goes first."""

NONCE_OCTETS = 18


class Ways:
    """The ways for one account. `unfit` are mechanisms that the server offers and does not carry out: last of all."""

    def __init__(self, settings: AccountSettings) -> None:
        self.unfit: set[str] = set()
        self._settings = settings

    def with_password(self, link: Link) -> list[str]:
        """Name the ways in which the password may be tried, best first."""
        offered = [way for way in (IN_TLS if link.stream.tls else IN_CLEAR) if _offered(link, way)]
        return [*(way for way in offered if way not in self.unfit), *(way for way in offered if way in self.unfit)]

    def with_token(self, link: Link, token: Secret) -> list[OAuthBearer | XOAuth2]:
        """Give the ways in which a token may be tried. Raises SaslError for what is no token."""
        user, host, port = self._settings.user, self._settings.host, self._settings.port
        both: list[OAuthBearer | XOAuth2] = [OAuthBearer(user, token, host, port), XOAuth2(user, token)]
        offered = [way for way in both if link.can(f"AUTH={way.name}")]
        return sorted(offered, key=lambda way: way.name in self.unfit)

    def conversations(self, names: Collection[str]) -> Iterator[Conversation | str]:
        """Give the exchanges for these ways, `LOGIN` as it is; passed over is what cannot carry user and password."""
        for name in names:
            if name == LOGIN:
                yield name
                continue
            try:
                yield _MAKE[name](self._settings.user, self._settings.password)
            except SaslError:
                continue


def _offered(link: Link, way: str) -> bool:
    return not link.can("LOGINDISABLED") if way == LOGIN else link.can(f"AUTH={way}")


def _nonce() -> str:
    return secrets.token_urlsafe(NONCE_OCTETS)


_MAKE: dict[str, Callable[[str, Secret], Conversation]] = {
    "SCRAM-SHA-256": lambda user, password: ScramClient("SHA-256", user, password, _nonce()),
    "SCRAM-SHA-1": lambda user, password: ScramClient("SHA-1", user, password, _nonce()),
    "PLAIN": Plain,
    "CRAM-MD5": CramMd5,
}
