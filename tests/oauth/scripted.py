"""An authorization server for tests that says what it is told to: for answers that real ones never give."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import parse_qs

import trio

from bridge.model.oauth import OAuthSettings
from bridge.model.secret import Secret
from bridge.net import server_context
from tests.support.certificates import Certificate

Script = Sequence[bytes | None]
"""What each request is answered with, in order; None is silence until the client goes."""


@dataclass
class Scripted:
    """Runs at `url`. `forms` holds what was posted, `heads` the request line and headers of each request."""

    url: str
    answers: list[bytes | None]
    forms: list[dict[str, str]] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    before: Callable[[], None] = lambda: None

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Answer one request, then close."""
        octets = b""
        while b"\r\n\r\n" not in octets:
            octets += await _some(stream)
        head, _, body = octets.partition(b"\r\n\r\n")
        self.heads.append(head.decode())
        while len(body) < _length(self.heads[-1]):
            body += await _some(stream)
        self.forms.append({name: values[0] for name, values in parse_qs(body.decode()).items()})
        self.before()
        answer = self.answers.pop(0)
        if answer is None:
            await trio.sleep_forever()
        else:
            await stream.send_all(answer)


async def _some(stream: trio.abc.Stream) -> bytes:
    data = await stream.receive_some()
    if not data:
        raise trio.BrokenResourceError
    return bytes(data)


def _length(head: str) -> int:
    lines = (line.lower().partition(":") for line in head.splitlines()[1:])
    return next((int(value) for name, _, value in lines if name == "content-length"), 0)


@asynccontextmanager
async def raised_plainly() -> AsyncIterator[None]:
    """Have what the block raises come out as it was raised, not in a nursery's group."""
    try:
        yield
    except BaseExceptionGroup as group:
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise


@asynccontextmanager
async def scripted(*answers: bytes | None, certificate: Certificate | None = None) -> AsyncIterator[Scripted]:
    """Run one on a port of its own; with a certificate over TLS."""
    tls = server_context([(str(certificate.certificate), str(certificate.key))]) if certificate else None

    async def handle(raw: trio.SocketStream) -> None:
        stream = trio.SSLStream(raw, tls, server_side=True, https_compatible=True) if tls else raw
        try:
            await server.serve(stream)
            await stream.aclose()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            await trio.aclose_forcefully(raw)

    async with raised_plainly(), trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, handle, 0, host="127.0.0.1"))
        port = listeners[0].socket.getsockname()[1]
        server = Scripted(f"https://127.0.0.1:{port}" if tls else f"http://127.0.0.1:{port}", list(answers))
        yield server
        nursery.cancel_scope.cancel()


def reply(status: int, body: bytes, *headers: str, kind: str = "application/json") -> bytes:
    """Write an answer."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def token(**more: object) -> bytes:
    """Answer with tokens."""
    return reply(200, json.dumps({"access_token": "at-1", "token_type": "Bearer", "expires_in": 3600, **more}).encode())


def refusal(error: str, words: str = "", status: int = 400, *headers: str) -> bytes:
    """Answer with an error (RFC 6749 §5.2)."""
    return reply(status, json.dumps({"error": error, "error_description": words}).encode(), *headers)


def settings(url: str, **more: object) -> OAuthSettings:
    """Give an account's `oauth` for the server at `url`."""
    values: dict[str, object] = {
        "authority": "custom",
        "flow": "device",
        "client_id": "popbridge",
        "client_secret": Secret("hunter2"),
        "token_endpoint": f"{url}/token",
        "device_authorization_endpoint": f"{url}/device",
        "authorization_endpoint": f"{url}/auth",
        "scope": "imap",
        **more,
    }
    return OAuthSettings(**values)  # type: ignore[arg-type]
