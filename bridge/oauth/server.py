"""An account's authorization server: asking it for tokens, and what its refusals mean."""

import base64
from collections.abc import Callable, Mapping
from urllib.parse import quote_plus

from bridge.model.failures import SignInNeeded, UpstreamError
from bridge.model.oauth import OAuthSettings
from bridge.model.secret import Secret
from bridge.oauth.answers import Granted, NoMeaning, Refused, error_of, granted, passing, quoted
from bridge.oauth.assertions import KeyUnusable, client_assertion, user_assertion
from bridge.oauth.http import Answer, Http
from bridge.oauth.metadata import discovered

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
"""RFC 7523 §2.1."""
CLIENT_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""RFC 7523 §2.2."""


class AuthorizationServer:
    """Asks one account's authorization server. Each request ends within `timeout` seconds.

    Its methods raise `SignInNeeded` (and of it `Refused`, with the server's code) for what only another sign-in or
    configuration mends, `UpstreamUnavailable` for what may do better later, `UpstreamBroken` for answers that are none.
    """

    def __init__(self, account: str, settings: OAuthSettings, timeout: float, now: Callable[[], float]) -> None:
        self.account = account
        self._settings = settings
        self._http = Http(account, settings.ca_file, timeout)
        self._now = now

    async def settings(self) -> OAuthSettings:
        """Give the settings with every endpoint; where only the issuer is known it is asked, once."""
        self._settings = await discovered(self._settings, self._http)
        return self._settings

    async def by_itself(self) -> Granted:
        """Have a token without a person, as the flow says: by secret, certificate or service account."""
        settings = await self.settings()
        if settings.flow != "service-account":
            return await self.grant({"grant_type": "client_credentials", **_scope(settings)})
        assertion = self._assertion(user_assertion)
        fields = {"grant_type": JWT_BEARER, "assertion": assertion.reveal(), **_scope(settings)}
        return await self.grant(fields, assertion, identified=False)

    async def refreshed(self, refresh: Secret) -> Granted:
        """Have a new token for a refresh token (RFC 6749 §6)."""
        return await self.grant({"grant_type": "refresh_token", "refresh_token": refresh.reveal()}, refresh)

    async def grant(self, fields: Mapping[str, str], *secrets: Secret, identified: bool = True) -> Granted:
        """Ask the token endpoint. `secrets` are those of `fields`: no sentence repeats them, though the server may."""
        settings = await self.settings()
        headers, own = self._identity(settings) if identified else ({}, {})
        asked_at = self._now()
        answer = await self._http.post(settings.token_endpoint, {**fields, **own}, headers)
        # Programs and their secrets are told in fields and headers, too.
        secrets += tuple(Secret(value) for value in (own.get("client_assertion", ""), _basic(headers)))
        if answer.status != 200:
            raise self._refusal(settings.token_endpoint, answer, secrets)
        try:
            return granted(answer, asked_at)
        except NoMeaning as wrong:
            # Some say no with a status of 200.
            if error_of(answer)[0]:
                raise self._refusal(settings.token_endpoint, answer, secrets) from None
            raise self._http.broken(settings.token_endpoint, str(wrong)) from None

    async def authorize_device(self) -> Answer:
        """Ask for a device code (RFC 8628 §3.1), and give the answer, which is one of status 200."""
        settings = await self.settings()
        if not settings.device_authorization_endpoint:
            sentence = f"account {self.account}: its authorization server has no device codes: choose another `flow`"
            raise SignInNeeded(self.account, sentence)
        headers, own = self._identity(settings)
        url = settings.device_authorization_endpoint
        answer = await self._http.post(url, {**_scope(settings), **own}, headers)
        if answer.status != 200:
            raise self._refusal(url, answer, ())
        return answer

    def broken(self, what: str) -> UpstreamError:
        """Make the failure for an answer without meaning."""
        return self._http.broken(self._settings.token_endpoint, what)

    def _identity(self, settings: OAuthSettings) -> tuple[dict[str, str], dict[str, str]]:
        """Give the headers and fields that say which program asks (RFC 6749 §2.3)."""
        client = {"client_id": settings.client_id}
        if settings.flow == "certificate":
            assertion = self._assertion(client_assertion)
            return {}, {**client, "client_assertion_type": CLIENT_ASSERTION, "client_assertion": assertion.reveal()}
        secret = settings.client_secret.reveal()
        if not secret:
            return {}, client
        if settings.client_auth == "post":
            return {}, {**client, "client_secret": secret}
        words = f"{quote_plus(settings.client_id)}:{quote_plus(secret)}".encode()
        return {"Authorization": f"Basic {base64.b64encode(words).decode('ascii')}"}, {}

    def _assertion(self, make: Callable[[OAuthSettings, str, float], Secret]) -> Secret:
        # Our own server is named by its issuer, if that is known: it is what RFC 7523 §3 has in mind.
        own = self._settings.issuer if self._settings.authority == "custom" else ""
        try:
            return make(self._settings, own or self._settings.token_endpoint, self._now())
        except KeyUnusable as wrong:
            raise SignInNeeded(self.account, f"account {self.account}: oauth: {wrong}") from None

    def _refusal(self, url: str, answer: Answer, secrets: tuple[Secret, ...]) -> UpstreamError:
        error, words = error_of(answer)
        told = quoted(error, words, (*secrets, self._settings.client_secret))
        if passing(answer, error):
            what = f"cannot answer just now (status {answer.status}{told and f', {told}'})"
            return self._http.unavailable(url, what, answer.retry_after)
        if not error:
            return self._http.broken(url, f"answers with status {answer.status}: is it the right endpoint?")
        advice = _advice(error, self.account, self._settings)
        return Refused(self.account, self._http.sentence(url, f"refuses ({told}): {advice}"), error)


def _basic(headers: Mapping[str, str]) -> str:
    """Give what says by HTTP which program asks, empty where nothing does."""
    return headers.get("Authorization", "").removeprefix("Basic ")


def _scope(settings: OAuthSettings) -> dict[str, str]:
    return {"scope": settings.scope} if settings.scope else {}


def _advice(error: str, account: str, settings: OAuthSettings) -> str:
    """Say what its owner does about a refusal (RFC 6749 §5.2, RFC 8628 §3.5)."""
    again = f"sign in again with `popbridge login {account}`"
    match error:
        case "invalid_grant" if settings.flow == "service-account":
            return "check that the service account may act for this user, with this scope, and this machine's clock"
        case "invalid_grant":
            return f"the sign-in has ended or was withdrawn: {again}"
        case "invalid_client" | "unauthorized_client" if settings.flow == "certificate":
            return "it does not take the program: check client_id, tenant, certificate_file and key_file"
        case "invalid_client" | "unauthorized_client":
            return "it does not take the program: check client_id and client_secret"
        case "invalid_scope":
            return "check scope, and what the client was allowed where it was made"
        case "access_denied" | "authorization_declined":  # the latter is Microsoft's
            return f"whoever was asked said no: {again}"
        case "expired_token":
            return f"the code was not used in time: {again}"
        case "unsupported_grant_type":
            return f'it does not know flow = "{settings.flow}": choose another'
        case _:
            return f"check `oauth`, then {again}"
