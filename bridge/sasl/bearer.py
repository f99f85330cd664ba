"""OAUTHBEARER (RFC 7628) and XOAUTH2, which Google had before it and Microsoft has alone: a token signs in."""

import json
import re
from dataclasses import dataclass

from bridge.model.secret import Secret
from bridge.sasl.errors import SaslError

PROBLEM_CHARACTERS = 200
"""Of each word of a server's refusal. Our own: scopes are shorter."""

_SENDABLE = re.compile(r"[\x21-\x7e]+")
_SEPARATOR = "\x01"


@dataclass(frozen=True, slots=True)
class BearerProblem:
    """Why a server did not take a token, in its own words (RFC 7628 §3.2.2); empty where it does not say.

    `status` is `invalid_token`, `insufficient_scope` and the like, or with XOAUTH2 an HTTP status. `scope` is what the
    token should have been given for, `schemes` the kinds of token that are taken.
    """

    status: str = ""
    schemes: str = ""
    scope: str = ""


class _Bearer:
    """What both have in common: one message, and where it is refused a challenge with the reason before the end."""

    name = ""
    tested = True
    _acknowledgement = b""

    def __init__(self, user: str, token: Secret) -> None:
        if not user or _SEPARATOR in user or "\0" in user or not _SENDABLE.fullmatch(token.reveal()):
            raise SaslError("A token or its user is empty, or has signs in it that cannot be sent.")
        self._user, self._token = user, token
        self.problem: BearerProblem | None = None

    def slow(self, challenge: bytes) -> bool:
        """Never."""
        return False

    def answer(self, challenge: bytes) -> bytes:
        """Take note of why the server refuses, as `problem`, and give what lets it end the exchange with its NO."""
        if self.problem is not None:
            raise SaslError(f"The server's challenges are not those of {self.name}.")
        self.problem = read_problem(challenge)
        return self._acknowledgement

    def succeeded(self) -> None:
        """A token proves nothing of the server."""


class OAuthBearer(_Bearer):
    """OAUTHBEARER. `host` and `port` are where the connection was made to (RFC 7628 §3.1)."""

    name = "OAUTHBEARER"
    _acknowledgement = b"\x01"  # RFC 7628 §3.2.3

    def __init__(self, user: str, token: Secret, host: str, port: int) -> None:
        super().__init__(user, token)
        self._place = f"host={host}{_SEPARATOR}port={port}{_SEPARATOR}"

    def initial(self) -> bytes:
        """Give the message. The user is spelled as GS2 has it (RFC 5801 §4)."""
        user = self._user.replace("=", "=3D").replace(",", "=2C")
        return f"n,a={user},\x01{self._place}auth=Bearer {self._token.reveal()}\x01\x01".encode(
            "utf-8", "surrogateescape"
        )


class XOAuth2(_Bearer):
    """XOAUTH2, as Google's documentation of Gmail has it."""

    name = "XOAUTH2"

    def initial(self) -> bytes:
        """Give the message."""
        return f"user={self._user}\x01auth=Bearer {self._token.reveal()}\x01\x01".encode("utf-8", "surrogateescape")


def read_problem(challenge: bytes) -> BearerProblem:
    """Read a refusal. What is no JSON, or not of that shape, is an empty one: its NO follows all the same."""
    try:
        told = json.loads(challenge)
    except (ValueError, RecursionError):
        return BearerProblem()
    if not isinstance(told, dict):
        return BearerProblem()
    return BearerProblem(*(_word(told.get(name)) for name in ("status", "schemes", "scope")))


def _word(value: object) -> str:
    text = str(value) if isinstance(value, str | int) else ""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:PROBLEM_CHARACTERS]
