"""`oauth` of an account: signing in by token instead of a password."""

import json
import re
from typing import Annotated, NamedTuple

from bridge.config import values
from bridge.config.files import read_bounded
from bridge.config.kinds import FilePath, Text, one_of
from bridge.config.problems import KeyPath, listed
from bridge.config.reading import Reading
from bridge.config.secret_keys import (
    NO_PASSWORD,
    Password,
    PasswordCommand,
    PasswordCredential,
    PasswordEnv,
    PasswordFile,
    cut,
    secret_octets,
)
from bridge.config.tables import Reads, Table, entry, read_table
from bridge.model.authorities import AUTHORITIES, CUSTOM, FLOWS, Authority
from bridge.model.oauth import UNATTENDED, Flow, OAuthSettings
from bridge.model.secret import Secret
from bridge.model.urls import url_problem

PERSONAL = ("common", "organizations", "consumers")
"""Names that stand for whichever organization a person belongs to: without a person there is none."""

_TENANT = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")


def _url(value: object) -> str:
    found = values.text(value)
    if problem := url_problem(found):
        raise values.Wrong(problem)
    return found


def _tenant(value: object) -> str:
    found = values.text(value)
    if not _TENANT.fullmatch(found):
        raise values.Wrong("must be a tenant's id or domain")
    return found


Url = Annotated[str, Reads(_url, "URL")]


class OAuth(Table):
    """Signing in by token instead of a password: as `oauth = { … }` in an account, or as a table of its own,
    `[account.NAME.oauth]`. Then `popbridge login NAME` has somebody sign in: see [signing-in.md](signing-in.md).
    """

    provider: Annotated[str, Reads(values.choice(*AUTHORITIES, CUSTOM), "name")] = entry(
        "",
        f"the authorization server: {', '.join(f'`{name}`' for name in AUTHORITIES)}, or `custom`",
        shown="the account's provider's, else `custom`",
    )
    flow: Annotated[str, one_of(*FLOWS)] = entry(
        "", "how a token is had; not every provider has each", shown="what the provider has first"
    )
    client_id: Text = entry("", "the id of the client that you made there", shown="must be given")
    client_secret: Password = entry(NO_PASSWORD, "its secret; a file of its own is safer", shown="none")
    client_secret_file: PasswordFile = entry("", "a file with the secret alone", shown="none")
    client_secret_env: PasswordEnv = entry("", "the environment variable that holds it", shown="none")
    client_secret_command: PasswordCommand = entry([], "a command that prints it, run without a shell", shown="none")
    client_secret_credential: PasswordCredential = entry("", "a systemd credential that holds it", shown="none")
    client_auth: Annotated[str, one_of("post", "basic")] = entry(
        "post", "where the secret goes: into the form, or into the header (RFC 6749 §2.3.1)"
    )
    tenant: Annotated[str, Reads(_tenant, "name")] = entry(
        "", "Microsoft: the organization's id or domain, or `consumers`, `organizations`", shown="`common`"
    )
    scope: Text = entry("", "what is asked for, with blanks between", shown="the provider's for IMAP")
    issuer: Url = entry("", "an authorization server that tells its endpoints itself (RFC 8414)", shown="none")
    authorization_endpoint: Url = entry("", "where a browser signs in", shown="the provider's")
    device_authorization_endpoint: Url = entry("", "where device codes are made", shown="the provider's")
    token_endpoint: Url = entry("", "where tokens are made", shown="the provider's")
    redirect_uri: Url = entry(
        "",
        'for `"browser"`: the redirect URI that the client is registered with; one that is not `http://` on this '
        "machine is pasted back",
        shown="a port of this machine that is free",
    )
    key_file: FilePath = entry(
        "", 'the private key in PEM for `"certificate"`; for `"service-account"` Google\'s JSON file', shown="none"
    )
    key_env: PasswordEnv = entry("", "the environment variable that holds it", shown="none")
    key_command: PasswordCommand = entry([], "a command that prints it, run without a shell", shown="none")
    key_credential: PasswordCredential = entry("", "a systemd credential that holds it", shown="none")
    certificate_file: FilePath = entry("", "the certificate in PEM that belongs to the key", shown="none")
    subject: Text = entry("", 'for `"service-account"`: the user to act for', shown="the account's `user`")
    ca_file: FilePath = entry("", "the roots to trust for the authorization server, PEM", shown="the system's")


SECRET_KEYS = tuple(name for name in OAuth.model_fields if name.startswith("client_secret"))
KEY_KEYS = tuple(name for name in OAuth.model_fields if name.startswith("key_"))


SIGNING: frozenset[Flow] = frozenset({"certificate", "service-account"})
"""Flows that show who asks by a key, where others use a secret."""


class _Key(NamedTuple):
    """What a key file holds: Google's names its account and its key besides."""

    pem: Secret = NO_PASSWORD
    client_id: str = ""
    key_id: str = ""


def oauth_settings(raw: object, path: KeyPath, reading: Reading, *, usual: str, user: str) -> OAuthSettings:
    """Give what an account's `oauth` means, noting what is missing, unknown, or of no use.

    `usual` is the authorization server of the account's provider, or empty; `user` the account's user. Blocks, for
    commands up to 10 s each.
    """
    table = read_table(OAuth, raw, path, reading.problems)
    return _Whole(table, raw if isinstance(raw, dict) else {}, path, reading, usual).settings(user)


class _Whole:
    """One `oauth`: what was written, and what is known of the server that it names."""

    def __init__(self, table: OAuth, raw: dict[str, object], path: KeyPath, reading: Reading, usual: str) -> None:
        self._table = table
        self._raw = raw
        self._path = path
        self._reading = reading
        self._name = table.provider or usual or CUSTOM
        self._known: Authority | None = AUTHORITIES.get(self._name)
        self._flow = self._chosen_flow()

    def settings(self, user: str) -> OAuthSettings:
        """Put it all together."""
        table, key = self._table, self._key()
        self._check_flow()
        self._check_client(key)
        self._check_tenant()
        self._check_endpoints()
        self._check_use()
        return OAuthSettings(
            authority=self._name,
            flow=self._flow,
            client_id=table.client_id or key.client_id,
            client_secret=self._secret(),
            tenant=self._tenant(),
            issuer=table.issuer,
            authorization_endpoint=self._endpoint("authorization_endpoint"),
            device_authorization_endpoint=self._endpoint("device_authorization_endpoint"),
            token_endpoint=self._endpoint("token_endpoint"),
            scope=self._scope(),
            key=key.pem,
            certificate=self._certificate(),
            ca_file=self._reading.readable(table.ca_file, (*self._path, "ca_file")) if table.ca_file else "",
            subject=(table.subject or user) if self._flow == "service-account" else "",
            key_id=key.key_id,
            client_auth="basic" if table.client_auth == "basic" else "post",
            redirect_uri=table.redirect_uri,
        )

    def _wrong(self, key: str, sentence: str) -> None:
        self._reading.problems.add((*self._path, key), sentence)

    def _fine(self, key: str) -> bool:
        return not self._reading.problems.spoiled((*self._path, key))

    def _chosen_flow(self) -> Flow:
        for flow in FLOWS:
            if flow == self._table.flow:
                return flow
        if self._known:
            return self._known.flows[0]
        return "device" if self._table.device_authorization_endpoint else "browser"

    def _check_flow(self) -> None:
        if self._known and self._flow not in self._known.flows:
            has = listed(self._known.flows)
            self._wrong("flow", f"is not what {self._name} has for mail: choose {has}")

    def _check_client(self, key: _Key) -> None:
        where = self._known.register if self._known else "your authorization server"
        # A service account's key file names it; one that is not there, or wrong, is told of as such.
        told = self._flow == "service-account" and (key.client_id or not key.pem.reveal())
        if not self._table.client_id and not told and self._fine("client_id") and self._fine("provider"):
            self._wrong("client_id", f"is missing: make a client of your own at {where}")
        has_secret = self._known is not None and self._known.has_secret
        wants = self._flow == "client-credentials" or (self._flow == "browser" and has_secret)
        if wants and not self._given(SECRET_KEYS):
            self._wrong("client_secret", f"is missing: the client has one, at {where}")

    def _check_tenant(self) -> None:
        if not self._table.tenant:
            if self._known and self._flow in self._known.tenant_for and self._fine("tenant"):
                self._wrong("tenant", f'is missing: flow = "{self._flow}" needs the organization\'s own id or domain')
        elif self._known is None or not self._known.tenant:
            self._wrong("tenant", f"has no use with {self._name}")
        elif self._table.tenant in PERSONAL and self._flow in self._known.tenant_for:
            self._wrong("tenant", f'must be the organization\'s own id or domain for flow = "{self._flow}"')

    def _check_endpoints(self) -> None:
        needed = {"token_endpoint", *_ENDPOINTS.get(self._flow, ())}
        if "issuer" in self._raw or not self._fine("provider") or (self._known and self._flow not in self._known.flows):
            return
        for name in sorted(needed):
            if not self._endpoint(name) and self._fine(name):
                self._wrong(name, 'is missing: give it, or an issuer, or name a provider (such as "google")')

    def _check_use(self) -> None:
        """Note keys that the flow leaves unused: whoever wrote them expects something of them."""
        unused = {
            **dict.fromkeys(SECRET_KEYS, self._flow in SIGNING),
            **dict.fromkeys(KEY_KEYS, self._flow not in SIGNING),
            "certificate_file": self._flow != "certificate",
            "subject": self._flow != "service-account",
            "redirect_uri": self._flow != "browser",
        }
        for name in self._raw:
            if unused.get(name):
                self._wrong(name, f'has no use with flow = "{self._flow}"')

    def _tenant(self) -> str:
        return self._table.tenant or (self._known.tenant if self._known else "")

    def _endpoint(self, name: str) -> str:
        given = str(getattr(self._table, name))
        if given or self._known is None or self._table.issuer:
            return given
        return str(getattr(self._known, name)).replace("{tenant}", self._tenant())

    def _scope(self) -> str:
        if self._table.scope or self._known is None:
            return self._table.scope
        scope = self._known.own_scope if self._flow in UNATTENDED else self._known.scope
        if not scope and self._fine("scope") and self._flow in self._known.flows:
            self._wrong("scope", f"is missing: {self._known.note}")
        return scope

    # --- what lies in other places

    def _given(self, keys: tuple[str, ...]) -> list[str]:
        return [name for name in self._raw if name in keys]

    def _one(self, keys: tuple[str, ...], what: str) -> str:
        """Give the key that was used of several, noting further ones."""
        given = self._given(keys)
        for name in given[1:]:
            self._wrong(name, f"is one {what} too many: '{given[0]}' is given already")
        return given[0] if given else ""

    def _secret(self) -> Secret:
        way = self._one(SECRET_KEYS, "secret")
        if way in {"", "client_secret"}:
            return self._table.client_secret
        text = self._read(way, way.removeprefix("client_secret_"))
        try:
            return Secret(values.secret_text(text)) if text is not None else NO_PASSWORD
        except values.Wrong as wrong:
            self._wrong(way, f"the secret it gives {wrong}")
            return NO_PASSWORD

    def _key(self) -> _Key:
        if self._flow not in SIGNING:
            return _Key()
        way = self._one(KEY_KEYS, "key")
        if not way:
            self._wrong("key_file", f'is missing: flow = "{self._flow}" signs with a key')
            return _Key()
        text = self._read(way, way.removeprefix("key_"))
        if text is None:
            return _Key()
        return self._from_json(text, way) if text.lstrip().startswith("{") else _Key(Secret(text))

    def _from_json(self, text: str, way: str) -> _Key:
        """Take Google's file apart."""
        try:
            found = json.loads(text)
            return _Key(*(Secret(str(found["private_key"])), str(found["client_email"]), str(found["private_key_id"])))
        except (ValueError, KeyError, TypeError, RecursionError):
            self._wrong(way, "gives no key: a service account's JSON has private_key, private_key_id, client_email")
            return _Key()

    def _certificate(self) -> str:
        name = self._table.certificate_file
        if not name:
            if self._flow == "certificate" and self._name == "microsoft" and self._fine("certificate_file"):
                self._wrong("certificate_file", "is missing: Microsoft wants to know which certificate it is")
            return ""
        if not self._reading.secrets:
            return ""
        try:
            return read_bounded(self._reading.path(name)).decode("ascii", "replace")
        except values.Wrong as wrong:
            self._wrong("certificate_file", str(wrong))
            return ""

    def _read(self, key: str, way: str) -> str | None:
        """Give the text that a key leads to, or None."""
        if not self._reading.secrets or not self._fine(key):
            return None
        try:
            return cut(secret_octets(way, getattr(self._table, key), self._reading))
        except values.Wrong as wrong:
            self._wrong(key, str(wrong))
            return None


_ENDPOINTS: dict[Flow, tuple[str, ...]] = {
    "device": ("device_authorization_endpoint",),
    "browser": ("authorization_endpoint",),
}
"""What a flow needs besides the token endpoint."""
