"""An authorization server that signs its tokens (RS256), and a Dovecot that checks them by itself, asking nobody."""

import json
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from urllib.parse import parse_qs

import trio
from joserfc import jwt
from joserfc.jwk import RSAKey

from bridge.model.oauth import OAuthSettings, Tokens
from bridge.model.secret import Secret
from tests.support.dovecot import Dovecot

ISSUER = "https://issuer.example.org"

KEY = RSAKey.generate_key(2048)
"""One for the whole run: each takes a while."""

DOVECOT = """\
auth_mechanisms = plain {mechanisms}
auth_verbose = yes
passdb {{
  driver = oauth2
  mechanisms = {mechanisms}
  args = {place}/oauth2.conf
}}
"""

OAUTH2 = """\
introspection_mode = local
local_validation_key_dict = fs:posix:prefix={place}/keys/
issuers = {issuer}
username_attribute = email
"""


@contextmanager
def dovecot_for_tokens(mechanisms: str) -> Iterator[Dovecot]:
    """Run a Dovecot that takes `KEY`'s tokens by these mechanisms."""
    place = Path(tempfile.mkdtemp(prefix="popbridge-tokens-", dir="/tmp"))
    try:
        place.chmod(0o755)
        keys = place / "keys" / "default" / "RS256"
        keys.mkdir(parents=True)
        (keys / "default").write_bytes(KEY.as_pem(private=False))
        (place / "oauth2.conf").write_text(OAUTH2.format(place=place, issuer=ISSUER))
        with Dovecot(extra=DOVECOT.format(mechanisms=mechanisms, place=place)) as server:
            yield server
    finally:
        shutil.rmtree(place, ignore_errors=True)


@dataclass
class TokenServer:
    """Gives tokens that live for `life` seconds, with a new refresh token each time, as strict servers do: who shows an
    old one again has no sign-in any more. `down` closes every connection.
    """

    user: str
    port: int = 0
    life: float = 3600.0
    down: bool = False
    asked: int = 0
    refused: int = 0
    _valid: str = ""
    _made: list[str] = field(default_factory=list)
    _ends: list[float] = field(default_factory=list)

    def granted(self) -> Tokens:
        """Give what a sign-in would."""
        return Tokens(Secret(self._access()), time.time() + self.life, Secret(self._refresh()), "imap")

    def revoke(self) -> None:
        """Take the sign-in back."""
        self._valid = ""

    def ended(self, number: int = 0) -> bool:
        """Tell whether a token is over that it gave: the first, the second, or with 0 the last."""
        return bool(self._ends) and len(self._ends) >= number and time.time() > self._ends[number - 1]

    @cached_property
    def settings(self) -> OAuthSettings:
        """The account's `oauth`."""
        endpoint = f"http://127.0.0.1:{self.port}/token"
        return OAuthSettings("custom", "device", "popbridge", token_endpoint=endpoint, scope="imap")

    @property
    def secrets(self) -> list[str]:
        """Everything that it gave out and nobody else may see."""
        return list(self._made)

    def _access(self) -> str:
        now = int(time.time())
        claims = {"iss": ISSUER, "sub": self.user, "email": self.user, "iat": now, "exp": now + int(self.life)}
        self._ends.append(now + int(self.life))
        self._made.append(jwt.encode({"alg": "RS256"}, {**claims, "jti": str(len(self._made))}, KEY))
        return self._made[-1]

    def _refresh(self) -> str:
        self._valid = f"refresh-token-{len(self._made)}-of-{self.user}"
        self._made.append(self._valid)
        return self._valid

    def _answer(self, form: dict[str, list[str]]) -> tuple[int, dict[str, object]]:
        self.asked += 1
        if form["grant_type"] != ["refresh_token"] or form["refresh_token"] != [self._valid]:
            self.refused += 1
            self.revoke()
            return 400, {"error": "invalid_grant", "error_description": f"no such token: {form['refresh_token'][0]}"}
        tokens = {"access_token": self._access(), "refresh_token": self._refresh()}
        return 200, {"token_type": "Bearer", "expires_in": int(self.life), **tokens}

    async def serve(self, stream: trio.SocketStream) -> None:
        """Answer one request."""
        async with stream:
            octets = b""
            while not self.down and (data := await stream.receive_some()):
                octets += data
                head, gap, body = octets.partition(b"\r\n\r\n")
                length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if b"content-length" in line), 0)
                if gap and len(body) >= length:
                    status, told = self._answer(parse_qs(body.decode()))
                    text = json.dumps(told)
                    headers = f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\nConnection: close"
                    await stream.send_all(f"HTTP/1.1 {status} X\r\n{headers}\r\n\r\n{text}".encode())
                    return


@asynccontextmanager
async def token_server(user: str, life: float = 3600.0) -> AsyncIterator[TokenServer]:
    """Run one for the block."""
    server = TokenServer(user, life=life)
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, server.serve, 0, host="127.0.0.1"))
        server.port = listeners[0].socket.getsockname()[1]
        yield server
        nursery.cancel_scope.cancel()
