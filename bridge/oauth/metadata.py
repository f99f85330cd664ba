"""Endpoints of an authorization server that is named by its issuer alone (RFC 8414)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bridge.model.oauth import OAuthSettings
from bridge.model.urls import url_problem
from bridge.oauth.answers import NoMeaning, fields_of
from bridge.oauth.http import Answer, Http


def documents(issuer: str) -> tuple[str, ...]:
    """Give where an issuer's metadata may be: RFC 8414 §3.1 puts its path behind, OpenID Connect in front."""
    origin, slash, path = issuer.removesuffix("/").partition("://")[2].partition("/")
    scheme = issuer.partition("://")[0]
    below = f"{slash}{path}"
    return (
        f"{scheme}://{origin}/.well-known/oauth-authorization-server{below}",
        f"{scheme}://{origin}{below}/.well-known/openid-configuration",
    )


async def discovered(settings: OAuthSettings, http: Http) -> OAuthSettings:
    """Give the settings with all endpoints that their issuer tells; explicit ones win. Those of a document without a
    token endpoint, or of another issuer, are not believed (RFC 8414 §3.3).

    Raises as `Http` does. Asks nobody where the token endpoint is known.
    """
    if settings.token_endpoint or not settings.issuer:
        return settings
    why = "has no metadata"
    for url in documents(settings.issuer):
        answer = await http.get(url)
        if answer.status >= 500 or answer.status == 429:
            raise http.unavailable(url, f"does not tell its endpoints just now (status {answer.status})")
        if answer.status != 200:
            continue
        try:
            return _taken(settings, answer)
        except NoMeaning as wrong:
            why = str(wrong)
    raise http.broken(settings.issuer, f"{why}: name its endpoints in the configuration")


def _taken(settings: OAuthSettings, answer: Answer) -> OAuthSettings:
    found = fields_of(answer)
    if found.get("issuer") != settings.issuer:
        raise NoMeaning("gives metadata of another issuer (RFC 8414 §3.3)")
    if not found.get("token_endpoint"):
        raise NoMeaning("gives metadata without a token endpoint")
    return replace(
        settings,
        authorization_endpoint=settings.authorization_endpoint or _endpoint(found, "authorization_endpoint"),
        device_authorization_endpoint=settings.device_authorization_endpoint
        or _endpoint(found, "device_authorization_endpoint"),
        token_endpoint=_endpoint(found, "token_endpoint"),
    )


def _endpoint(found: Mapping[str, Any], name: str) -> str:
    url = found.get(name) or ""
    if not isinstance(url, str) or (url and url_problem(url)):
        raise NoMeaning(f"gives metadata with a {name} that is none")
    return url
