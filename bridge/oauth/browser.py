"""Signing in with a browser: where it is sent, and what it comes back with (RFC 6749 §4.1, RFC 7636, RFC 8252)."""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from bridge.model.authorities import AUTHORITIES
from bridge.model.oauth import OAuthSettings
from bridge.model.secret import Secret
from bridge.model.urls import url_host

LONGEST = 8192
"""Characters of what comes back: codes are a few hundred, Microsoft's up to 2,000."""


class NotOurs(ValueError):
    """What came back is no answer to what was asked; `str()` is a sentence that shows nothing of it."""


class Back(NamedTuple):
    """What a browser came back with: a code, or the server's error and its words."""

    code: Secret
    error: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Asking:
    """One attempt: where the browser is sent back to, and the two secrets that tie the answer to it."""

    redirect_uri: str
    state: Secret
    verifier: Secret

    @classmethod
    def fresh(cls, redirect_uri: str) -> "Asking":
        """Begin an attempt. The verifier has 384 bits, where RFC 7636 §4.1 asks for 256."""
        return cls(redirect_uri, Secret(secrets.token_urlsafe(24)), Secret(secrets.token_urlsafe(48)))

    def address(self, settings: OAuthSettings) -> str:
        """Give the address for the browser (RFC 6749 §4.1.1), with PKCE by S256 (RFC 7636 §4.2 and §4.3)."""
        digest = hashlib.sha256(self.verifier.reveal().encode()).digest()
        query = {
            "response_type": "code",
            "client_id": settings.client_id,
            "redirect_uri": self.redirect_uri,
            **({"scope": settings.scope} if settings.scope else {}),
            "state": self.state.reveal(),
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii"),
            "code_challenge_method": "S256",
            **_parameters(settings),
        }
        joint = "&" if "?" in settings.authorization_endpoint else "?"
        return f"{settings.authorization_endpoint}{joint}{urlencode(query)}"

    def came_back(self, query: str, issuer: str) -> Back:
        """Read the query that the browser brought (RFC 6749 §4.1.2). Raises `NotOurs`."""
        try:
            found = dict(parse_qsl(query, max_num_fields=30))
        except ValueError:
            raise NotOurs("what came back has no meaning") from None
        if not hmac.compare_digest(found.get("state", "").encode(), self.state.reveal().encode()):
            raise NotOurs("what came back belongs to another attempt: its `state` is not ours")
        if issuer and found.get("iss", issuer) != issuer:  # RFC 9207 §2.4
            raise NotOurs("what came back is from another authorization server")
        if error := found.get("error"):
            return Back(Secret(""), error, found.get("error_description", ""))
        if not found.get("code"):
            raise NotOurs("what came back has no code")
        return Back(Secret(found["code"]))

    def pasted(self, text: str, issuer: str) -> Back:
        """Read what somebody pasted: the whole address, or the code alone, which PKCE ties to this attempt.

        Raises `NotOurs`.
        """
        text = text.strip()
        if len(text) > LONGEST:
            raise NotOurs("that is too long to be an address or a code")
        if "://" in text or "code=" in text or "error=" in text:
            return self.came_back(query_of(text) if "://" in text else text.lstrip("?"), issuer)
        if not text or not text.isprintable() or " " in text:
            raise NotOurs("that is neither an address nor a code")
        return Back(Secret(text))

    def fields(self, code: Secret) -> dict[str, str]:
        """Give what tokens are asked for with (RFC 6749 §4.1.3, RFC 7636 §4.5)."""
        return {
            "grant_type": "authorization_code",
            "code": code.reveal(),
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier.reveal(),
        }


def query_of(address: str) -> str:
    """Give the query of an address, empty where it is none."""
    try:
        return urlsplit(address).query
    except ValueError:
        return ""


def redirect_base(settings: OAuthSettings) -> str:
    """Give where browsers are sent back to, without a port: the one address of this machine that the server takes."""
    known = AUTHORITIES.get(settings.authority)
    return known.redirect if known else "http://127.0.0.1"


def fixed_port(redirect_uri: str) -> int | None:
    """Give the port of a redirect URI on this machine that we can listen on ourselves, else None. 0: any."""
    parts = urlsplit(redirect_uri)
    if parts.scheme != "http" or url_host(redirect_uri) not in {"127.0.0.1", "localhost"}:
        return None
    return parts.port or 0


def _parameters(settings: OAuthSettings) -> dict[str, str]:
    known = AUTHORITIES.get(settings.authority)
    if known:
        return dict(known.parameters)
    # OpenID Connect Core 1.0 §11: without it no refresh token is given.
    return {"prompt": "consent"} if "offline_access" in settings.scope.split() else {}
