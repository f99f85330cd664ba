"""A real authorization server, npm's oidc-provider, and somebody who signs in on its pages with a browser."""

import base64
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bridge.model.oauth import OAuthSettings
from bridge.model.secret import Secret
from tests.support.dovecot import Dovecot

ROOT = Path(__file__).parents[2]
MODULES = ROOT / ".cache" / "authority"
SERVER = Path(__file__).with_name("server") / "server.mjs"

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
ROBOT = "urn:ietf:params:oauth:grant-type:jwt-bearer"

ANNA = "anna@example.org"
SECRET = "client-hunter2"
SCOPE = "openid offline_access email imap"


def authority_missing() -> str:
    """Say what is missing for it, or nothing."""
    if not shutil.which("node"):
        return "the authorization server needs node: install Node.js and npm, and run `make test`"
    if not (MODULES / "node_modules" / "oidc-provider").is_dir():
        return "the authorization server is not set up: `make test` does that, with npm"
    return ""


@cache
def key_pair() -> tuple[str, str, dict[str, Any]]:
    """Give a private key and its certificate in PEM, and the public key as JSON (RFC 7517)."""
    import trustme

    issued = trustme.CA(key_type=trustme.KeyType.RSA).issue_cert("popbridge.test", key_type=trustme.KeyType.RSA)
    certificate = issued.cert_chain_pems[0].bytes()
    public = x509.load_pem_x509_certificate(certificate).public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    numbers = public.public_numbers()
    key = {"kty": "RSA", "use": "sig", "n": _number(numbers.n), "e": _number(numbers.e)}
    return issued.private_key_pem.bytes().decode(), certificate.decode(), key


@cache
def other_key() -> str:
    """Give a private key that nobody knows."""
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _number(value: int) -> str:
    octets = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _clients() -> list[dict[str, Any]]:
    key = key_pair()[2]
    person: dict[str, Any] = {
        "application_type": "native",
        "grant_types": [DEVICE, "authorization_code", "refresh_token"],
        "response_types": ["code"],
        "redirect_uris": ["http://127.0.0.1"],
    }
    alone: dict[str, Any] = {"grant_types": ["client_credentials"], "response_types": [], "redirect_uris": []}
    return [
        {"client_id": "public", "token_endpoint_auth_method": "none", **person},
        {
            "client_id": "secret",
            "client_secret": SECRET,
            "token_endpoint_auth_method": "client_secret_post",
            **person,
        },
        {
            "client_id": "alone",
            "client_secret": SECRET,
            "token_endpoint_auth_method": "client_secret_basic",
            "scope": "imap",
            **alone,
        },
        {
            "client_id": "certified",
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": {"keys": [key]},
            "scope": "imap",
            **alone,
        },
        {
            "client_id": "imap-server",
            "client_secret": "imap-hunter2",
            "token_endpoint_auth_method": "client_secret_basic",
            "grant_types": [],
            "response_types": [],
            "redirect_uris": [],
        },
        {
            "client_id": "robot@example.org",
            "token_endpoint_auth_method": "none",
            **alone,
            "grant_types": [ROBOT],
            "robot": key,
        },
    ]


@dataclass(frozen=True)
class Authority:
    """Runs at `url`."""

    url: str

    def settings(self, flow: str, client: str = "public", **more: Any) -> OAuthSettings:
        """Give an account's `oauth` there."""
        plain = OAuthSettings(
            authority="custom",
            flow=flow,  # type: ignore[arg-type]
            client_id=client,
            authorization_endpoint=f"{self.url}/auth",
            device_authorization_endpoint=f"{self.url}/device/auth",
            token_endpoint=f"{self.url}/token",
            scope=SCOPE,
        )
        return replace(plain, **more)

    def alone(self, **more: Any) -> OAuthSettings:
        """Give one for a program with a secret."""
        return self.settings(
            "client-credentials",
            "alone",
            **{"client_secret": Secret(SECRET), "client_auth": "basic", "scope": "imap", **more},
        )

    def certified(self, **more: Any) -> OAuthSettings:
        """Give one for a program with a certificate."""
        key, certificate, _ = key_pair()
        return self.settings(
            "certificate", "certified", **{"key": Secret(key), "certificate": certificate, "scope": "imap", **more}
        )

    def robot(self, **more: Any) -> OAuthSettings:
        """Give one for a service account that acts for Anna."""
        given = {"key": Secret(key_pair()[0]), "subject": ANNA, "scope": "imap", **more}
        return self.settings("service-account", "robot@example.org", **given)


@contextmanager
def imap_server(url: str) -> Iterator[Dovecot]:
    """Run a Dovecot that asks the authorization server at `url` what a token is worth, and takes it."""
    place = Path(tempfile.mkdtemp(prefix="popbridge-tokens-", dir="/tmp"))
    try:
        place.chmod(0o755)
        (place / "oauth2.conf").write_text(OAUTH2.format(url=url))
        with Dovecot(extra=DOVECOT.format(place=place)) as server:
            yield server
    finally:
        shutil.rmtree(place, ignore_errors=True)


OAUTH2 = """\
introspection_mode = post
introspection_url = {url}/token/introspection
username_attribute = sub
active_attribute = active
active_value = true
"""

DOVECOT = """\
auth_mechanisms = plain xoauth2 oauthbearer
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {place}/oauth2.conf
}}
"""


@contextmanager
def authority(seconds: int = 600, interval: float = 0.2) -> Iterator[Authority]:
    """Run one for the block; device codes live for `seconds`."""
    given = {"clients": _clients(), "seconds": seconds, "interval": interval, "users": [ANNA]}
    process = subprocess.Popen(
        ["node", str(SERVER), str(MODULES)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(given) + "\n")
        process.stdin.flush()
        url = process.stdout.readline().strip()
        assert url, "the authorization server did not start"
        yield Authority(url)
    finally:
        process.stdin.close()
        process.stdout.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Browser:
    """Does on the pages what somebody would do: signs in as `who`, consents or not. Follows redirects by hand, so that
    the last one is given even where nobody listens there.
    """

    def __init__(self, who: str = ANNA, *, consents: bool = True) -> None:
        self._who = who
        self._consents = consents

    async def __call__(self, address: str) -> str:
        """Go where `address` leads, to the first page that asks nothing more or is elsewhere; give its address."""
        async with httpx2.AsyncClient(trust_env=False, timeout=20) as client:
            here = httpx2.URL(address).netloc
            response = await client.get(address)
            for _ in range(20):
                if response.is_redirect:
                    address = str(response.url.join(response.headers["location"]))
                    if httpx2.URL(address).netloc != here:
                        return address
                    response = await client.get(address)
                elif (form := self._form(response.text)) is not None:
                    response = await client.post(response.url.join(form[0]), data=form[1])
                    if "abort" in form[1]:
                        return str(response.url)
                elif (abort := re.search(r'href="([^"]+/abort)"', response.text)) and not self._consents:
                    response = await client.get(unescape(abort[1]))
                else:
                    return str(response.url)
        raise AssertionError("the pages never end")

    def _form(self, page: str) -> tuple[str, dict[str, str]] | None:
        found = re.search(r'<form[^>]*action="([^"]+)".*?</form>', page, re.DOTALL)
        if found is None:
            return None
        inputs = re.findall(r"<input\s[^>]*>", found[0])
        named = {name[1]: tag for tag in inputs if (name := re.search(r'name="([^"]+)"', tag))}
        fields = {name: unescape(_value(tag)) for name, tag in named.items()}
        if fields.get("prompt") == "login":
            return unescape(found[1]), {**fields, "login": self._who, "password": "x"}
        if self._consents:
            return unescape(found[1]), fields
        if "confirm" in fields:
            return unescape(found[1]), {**{k: v for k, v in fields.items() if k != "confirm"}, "abort": "yes"}
        return None if fields.get("prompt") == "consent" else (unescape(found[1]), fields)


def _value(tag: str) -> str:
    found = re.search(r'value="([^"]*)"', tag)
    return found[1] if found else ""
