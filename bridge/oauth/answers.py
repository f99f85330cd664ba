"""What authorization servers answer, read and judged without input or output."""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote_plus

from bridge.model.failures import SignInNeeded
from bridge.model.oauth import Tokens
from bridge.model.secret import Secret, repeats
from bridge.oauth.http import Answer

TEXT_LIMIT = 300
"""Characters of a server's own words that a sentence repeats: Microsoft's reason and its number fit."""

PASSING = frozenset({"temporarily_unavailable", "server_error"})
"""Errors that say `not now` rather than `no` (RFC 6749 §4.1.2.1)."""

PASSING_STATUS = frozenset({408, 425, 429})
"""With all from 500 on: the request may be right, and was not looked at (RFC 9110 §15.5, RFC 6585 §4)."""

MOST_SECONDS = 366 * 86400.0
"""A token that is said to live for longer is asked about again after a year."""

_ERROR = re.compile(r"[!-~]{1,100}")
_TOKEN = re.compile(r"[!-~]+")


class NoMeaning(ValueError):
    """An answer is not what the protocol wants; `str()` goes on a sentence that begins with the server's name."""


class Refused(SignInNeeded):
    """The authorization server said no: `error` is its code (RFC 6749 §5.2, RFC 8628 §3.5)."""

    def __init__(self, account: str, sentence: str, error: str) -> None:
        super().__init__(account, sentence)
        self.error = error


@dataclass(frozen=True, slots=True)
class Granted:
    """Tokens, and whose they are as far as the server says (an ID token's claims): `names` may be empty."""

    tokens: Tokens
    names: tuple[str, ...] = ()


def fields_of(answer: Answer) -> Mapping[str, Any]:
    """Read JSON, or a form, which some servers send errors as. Raises `NoMeaning`."""
    if "x-www-form-urlencoded" in answer.content_type:
        try:
            return dict(parse_qsl(answer.body.decode("utf-8", "replace"), max_num_fields=100))
        except ValueError:
            raise NoMeaning("gives a form of more than 100 fields: is it the right endpoint?") from None
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise NoMeaning("gives an answer that is no JSON: is it the right endpoint?") from None
    if not isinstance(found, dict):
        raise NoMeaning("gives an answer that is no JSON object: is it the right endpoint?")
    return found


def error_of(answer: Answer) -> tuple[str, str]:
    """Give an answer's error code and its words, both empty where it has none."""
    try:
        found = fields_of(answer)
    except (NoMeaning, ValueError):
        return "", ""
    error, words = found.get("error"), found.get("error_description", "")
    if not isinstance(error, str) or not _ERROR.fullmatch(error):
        return "", ""
    return error, words if isinstance(words, str) else ""


def passing(answer: Answer, error: str) -> bool:
    """Tell whether the same request may do better later."""
    return answer.status in PASSING_STATUS or answer.status >= 500 or error in PASSING


def quoted(error: str, words: str, secrets: Iterable[Secret]) -> str:
    """Give a server's code and words as they stand in a sentence: on one line, without what was sent secretly, as it is
    or as a form has it. Words with a piece of it are left out.
    """
    plain = [secret.reveal() for secret in secrets if secret.reveal()]
    hidden = [*plain, *map(quote_plus, plain)]
    told = " ".join(words.split())
    for secret in hidden:
        told = told.replace(secret, "…")
    told, error = ("" if repeats(told, hidden) else told), ("…" if repeats(error, hidden) else error)
    shown = "".join(char for char in told[:TEXT_LIMIT] if char.isprintable())
    return f'{error}: "{shown}"' if shown else error


def granted(answer: Answer, asked_at: float) -> Granted:
    """Read tokens (RFC 6749 §5.1). A lifetime counts from when they were asked for. Raises `NoMeaning`."""
    found = fields_of(answer)
    access = _token(found, "access_token")
    if not access:
        raise NoMeaning("gives an answer without an access_token")
    kind = found.get("token_type", "Bearer")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise NoMeaning("gives a token that is no bearer token (RFC 6750)")
    seconds = _seconds(found.get("expires_in"))
    scope = found.get("scope", "")
    tokens = Tokens(
        access=Secret(access),
        expires_at=asked_at + seconds if seconds else 0.0,
        refresh=Secret(_token(found, "refresh_token")),
        scope=scope if isinstance(scope, str) else "",
    )
    return Granted(tokens, _names(found.get("id_token")))


def _token(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name) or ""
    if not isinstance(value, str) or (value and not _TOKEN.fullmatch(value)):
        raise NoMeaning(f"gives a {name} that is none")
    return value


def _seconds(value: object) -> float:
    """Give a lifetime, 0 where it is not told; some servers write the number as text."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,12}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        return 0.0
    return float(min(value, MOST_SECONDS))


def _names(id_token: object) -> tuple[str, ...]:
    """Give who signed in. The token came from the server itself, over TLS that was verified, so its signature need not
    be (OpenID Connect Core 1.0 §3.1.3.7, item 6); and all that hangs on it is a warning.
    """
    if not isinstance(id_token, str) or id_token.count(".") != 2:
        return ()
    part = id_token.split(".")[1]
    try:
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        return ()
    if not isinstance(claims, dict):
        return ()
    found = (claims.get(name) for name in ("email", "preferred_username", "upn"))
    return tuple(dict.fromkeys(name for name in found if isinstance(name, str) and 0 < len(name) <= 320))
