"""Signing in by token: what the configuration says of it, and the tokens themselves."""

import json
from dataclasses import dataclass
from typing import Literal

from bridge.model.secret import Secret

Flow = Literal["device", "browser", "client-credentials", "certificate", "service-account"]
"""How a token is had: by a code typed elsewhere (RFC 8628), by a browser (RFC 6749 §4.1 with RFC 7636), or without a
person: by a secret (RFC 6749 §4.4), or by a signed assertion for the program (RFC 7523 §2.2) or a user (§2.1).
"""

UNATTENDED: frozenset[Flow] = frozenset({"client-credentials", "certificate", "service-account"})
"""Flows that need no person: a token can be had at any time, and none has to be kept."""

NO_SECRET = Secret("")


@dataclass(frozen=True, slots=True)
class OAuthSettings:
    """An account's `oauth`. Endpoints are URLs under the names of RFC 8414 §2; paths are absolute; texts may be empty.

    `key` is the private key that signs assertions, `certificate` what belongs to it, both PEM; `key_id` is the key's
    name where it has one. `subject` is the user whom a service account acts for. `client_auth` tells where the client's
    secret goes (RFC 6749 §2.3.1). `redirect_uri` is where a browser is sent back to; empty for a port of our own.
    """

    authority: str
    flow: Flow
    client_id: str
    client_secret: Secret = NO_SECRET
    tenant: str = ""
    issuer: str = ""
    authorization_endpoint: str = ""
    device_authorization_endpoint: str = ""
    token_endpoint: str = ""
    scope: str = ""
    key: Secret = NO_SECRET
    certificate: str = ""
    ca_file: str = ""
    subject: str = ""
    key_id: str = ""
    client_auth: Literal["post", "basic"] = "post"
    redirect_uri: str = ""

    @property
    def unattended(self) -> bool:
        """True where tokens are had without a person."""
        return self.flow in UNATTENDED


@dataclass(frozen=True, slots=True)
class Tokens:
    """What an authorization server gave. `expires_at` is in Unix seconds, 0 where it did not say; `refresh` may be
    empty.
    """

    access: Secret
    expires_at: float = 0.0
    refresh: Secret = NO_SECRET
    scope: str = ""

    def text(self) -> Secret:
        """Give all of it as one text to keep."""
        return Secret(
            json.dumps(
                {
                    "access": self.access.reveal(),
                    "expires_at": self.expires_at,
                    "refresh": self.refresh.reveal(),
                    "scope": self.scope,
                }
            )
        )

    @classmethod
    def parse(cls, text: Secret) -> "Tokens":
        """Take back what `text` gave. Raises ValueError for anything else, and shows nothing of it."""
        try:
            kept = json.loads(text.reveal())
            access, refresh, scope = (str(kept[name]) for name in ("access", "refresh", "scope"))
            return cls(Secret(access), float(kept["expires_at"]), Secret(refresh), scope)
        except (ValueError, TypeError, KeyError):
            raise ValueError("what is kept is not what tokens are kept as") from None
