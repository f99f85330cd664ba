"""Authorization servers that the configuration may name, as their makers document them.

Nothing here makes anybody a client: the id, and where there is one the secret, is the owner's, made at `register`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from bridge.model.oauth import Flow

CUSTOM = "custom"
"""The name for a server whose endpoints, or issuer, the configuration gives."""

FLOWS: tuple[Flow, ...] = ("device", "browser", "client-credentials", "certificate", "service-account")


@dataclass(frozen=True, slots=True)
class Authority:
    """What is known of one authorization server. `{tenant}` in an endpoint stands for the organization.

    `flows` are those it has for mail, the usual one first; `scope` is for flows with a person, `own_scope` for those
    without. `tenant` is the usual one, empty where there is none; `tenant_for` are the flows that need the real one.
    With `has_secret` every client has one. `redirect` is where a browser is sent back to, `parameters` what an
    authorization request needs besides. `register` says where a client is made, `note` what else its owner should know;
    `source` and `checked` where that is from.
    """

    flows: tuple[Flow, ...]
    authorization_endpoint: str
    token_endpoint: str
    scope: str
    register: str
    source: str
    checked: str
    device_authorization_endpoint: str = ""
    own_scope: str = ""
    tenant: str = ""
    tenant_for: frozenset[Flow] = frozenset()
    has_secret: bool = False
    redirect: Literal["http://127.0.0.1", "http://localhost"] = "http://127.0.0.1"
    parameters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    note: str = ""


_AGAIN = MappingProxyType({"access_type": "offline", "prompt": "consent"})
"""Google and Zoho give a refresh token only then, and only when the person is asked anew."""

AUTHORITIES: Mapping[str, Authority] = {
    "google": Authority(
        # Its device codes are not for mail: https://mail.google.com/ is not among their scopes.
        flows=("browser", "service-account"),
        authorization_endpoint="https://accounts.google.com/o/oauth2/v2/auth",
        token_endpoint="https://oauth2.googleapis.com/token",  # noqa: S106
        scope="https://mail.google.com/ openid email",
        own_scope="https://mail.google.com/",
        has_secret=True,
        parameters=_AGAIN,
        register="https://console.cloud.google.com/auth/clients (kind: desktop app)",
        note="while its app is in testing, Google ends a sign-in after 7 days",
        source="https://developers.google.com/identity/protocols/oauth2/native-app and limited-input-device",
        checked="2026-11-26",
    ),
    "microsoft": Authority(
        flows=("device", "browser", "client-credentials", "certificate"),
        authorization_endpoint="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize",
        device_authorization_endpoint="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/devicecode",
        token_endpoint="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",  # noqa: S106
        scope="https://outlook.office.com/IMAP.AccessAsUser.All offline_access openid email profile",
        own_scope="https://outlook.office365.com/.default",
        tenant="common",
        tenant_for=frozenset({"client-credentials", "certificate"}),
        # Its portal takes http://localhost alone, with any port.
        redirect="http://localhost",
        register="https://entra.microsoft.com (App registrations)",
        source="https://learn.microsoft.com/exchange/client-developer/legacy-protocols/"
        "how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth and entra/identity-platform",
        checked="2026-11-26",
    ),
    "yahoo": Authority(
        flows=("browser",),
        authorization_endpoint="https://api.login.yahoo.com/oauth2/request_auth",
        token_endpoint="https://api.login.yahoo.com/oauth2/get_token",  # noqa: S106
        scope="mail-w",
        register="https://senders.yahooinc.com/developer/developer-access-mail-form/ (by application, for companies)",
        note="Yahoo takes no new clients of private persons: an app password is what works",
        source="https://developer.yahoo.com/oauth2/guide/ and Thunderbird's OAuth2Providers",
        checked="2026-11-26",
    ),
    "aol": Authority(
        flows=("browser",),
        authorization_endpoint="https://api.login.aol.com/oauth2/request_auth",
        token_endpoint="https://api.login.aol.com/oauth2/get_token",  # noqa: S106
        scope="mail-w",
        register="https://senders.yahooinc.com/developer/developer-access-mail-form/ (by application, for companies)",
        note="AOL takes no new clients of private persons: an app password is what works",
        source="https://developer.yahoo.com/oauth2/guide/ and Thunderbird's OAuth2Providers",
        checked="2026-11-26",
    ),
    "fastmail": Authority(
        flows=("browser",),
        authorization_endpoint="https://api.fastmail.com/oauth/authorize",
        token_endpoint="https://api.fastmail.com/oauth/refresh",  # noqa: S106
        scope="https://www.fastmail.com/dev/protocol-imap",
        redirect="http://localhost",
        register="Fastmail's partnerships page (by application); for oneself an app password is simpler",
        source="https://www.fastmail.com/for-developers/oauth/ and Thunderbird's OAuth2Providers",
        checked="2026-11-26",
    ),
    "zoho": Authority(
        flows=("browser",),
        authorization_endpoint="https://accounts.zoho.com/oauth/v2/auth",
        token_endpoint="https://accounts.zoho.com/oauth/v2/token",  # noqa: S106
        scope="",
        has_secret=True,
        parameters=_AGAIN,
        register="https://api-console.zoho.com",
        note="Zoho documents no scope for IMAP, so `scope` must be given; an app password is simpler. Accounts outside"
        " the USA have endpoints of their own (accounts.zoho.eu and so on)",
        source="https://www.zoho.com/mail/help/api/using-oauth-2.html",
        checked="2026-11-26",
    ),
}
