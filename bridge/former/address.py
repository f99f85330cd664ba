"""Where the former server is, as a person writes it (RFC 2384 is the model, without its `AUTH`)."""

from typing import Literal, NamedTuple
from urllib.parse import unquote, urlsplit

from bridge.model.failures import WrongRequest

Security = Literal["implicit", "starttls", "none"]

_SCHEMES: dict[str, tuple[Security, int]] = {
    "pop3s": ("implicit", 995),
    "pop3+starttls": ("starttls", 110),
    "pop3": ("none", 110),
}
"""RFC 8314 §7.3 and RFC 1939 §3 for the ports."""


class FormerServer(NamedTuple):
    """A POP3 server and a user there. `tls`: from the start, by STLS, or none."""

    user: str
    host: str
    port: int
    tls: Security

    def __str__(self) -> str:
        return f"{self.user} at {self.host} port {self.port}"


def parse(text: str) -> FormerServer:
    """Read `pop3s://USER@HOST[:PORT]`, `pop3+starttls://…` or `pop3://…`.

    The user may hold an `@`; anything else that a URL cannot is written as `%XX`. Raises `WrongRequest`.
    """
    scheme, found, rest = text.partition("://")
    if not found or scheme.lower() not in _SCHEMES:
        raise WrongRequest("the former server is written pop3s://USER@HOST, or pop3+starttls:// or pop3:// for others")
    tls, port = _SCHEMES[scheme.lower()]
    user, at, where = rest.rstrip("/").rpartition("@")
    if not at or not user:
        raise WrongRequest("the former server's address lacks the user: pop3s://USER@HOST")
    if ":" in user:
        raise WrongRequest("a password does not belong into the former server's address: use --password-file")
    host, given = _host(where)
    user = unquote(user, errors="replace")
    if any(ord(char) < 32 or ord(char) == 127 for char in user):
        raise WrongRequest("the user at the former server holds control characters")
    return FormerServer(user, host, given or port, tls)


def _host(where: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{where}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or any(char in where for char in "/?# \t"):
        raise WrongRequest(
            "the former server's address lacks a host, or has something behind it: pop3s://USER@HOST:PORT"
        )
    return host, port or 0
