"""Each way to sign in, at a server that is down, slow, or talks nonsense: a sentence, in time, without secrets."""

from dataclasses import replace

import pytest
import trio
import trio.testing

from bridge.model.failures import UpstreamBroken, UpstreamError, UpstreamUnavailable
from bridge.model.oauth import Flow, OAuthSettings
from bridge.model.secret import Secret
from bridge.oauth import DeviceCode, Return, sign_in
from tests.oauth.authority import key_pair
from tests.oauth.scripted import refusal, reply, scripted, settings

FLOWS: tuple[Flow, ...] = ("device", "browser", "client-credentials", "certificate", "service-account")

FAULTS = {
    "down": (reply(503, b"<html>"), UpstreamUnavailable, "cannot answer just now (status 503)"),
    "busy": (reply(429, b"", "Retry-After: 30"), UpstreamUnavailable, "cannot answer just now (status 429)"),
    "garbage": (b"\x00\x01\x02 nonsense \xff\r\n\r\n", UpstreamBroken, "does not answer as HTTP servers do"),
    "html": (reply(200, b"<html>sign in</html>", kind="text/html"), UpstreamBroken, "gives an answer that is no JSON"),
    "empty": (reply(200, b"{}"), UpstreamBroken, "gives an answer without"),
    "huge": (reply(200, b'{"access_token": "' + b"x" * 10_000_000), UpstreamBroken, "sends more than 65536 octets"),
    "hanging": (None, UpstreamUnavailable, "did not answer within 20 s"),
    "closing": (b"", UpstreamBroken, "does not answer as HTTP servers do"),
    "no": (refusal("access_denied"), UpstreamError, "whoever was asked said no"),
}


class Pasting:
    """Pastes a code at once."""

    def use_code(self, code: DeviceCode) -> None:
        raise AssertionError("there is no code")

    def open_address(self, address: str, way: Return) -> None:
        assert way == "paste"

    def not_taken(self, why: str) -> None:
        raise AssertionError(why)

    async def paste(self) -> str:
        await trio.lowlevel.checkpoint()
        return "code-hunter2"


def at(url: str, flow: Flow) -> OAuthSettings:
    plain = settings(url, flow=flow)
    if flow in {"certificate", "service-account"}:
        return replace(plain, key=Secret(key_pair()[0]), client_secret=Secret(""), subject="anna@example.org")
    return plain


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("flow", FLOWS)
async def test_a_server_at_fault(flow: Flow, fault: str, autojump_clock: trio.testing.MockClock) -> None:
    answer, kind, said = FAULTS[fault]
    async with scripted(answer) as server:
        with pytest.raises(kind) as caught:
            await sign_in("family", at(server.url, flow), 20, Pasting(), "paste")
    assert str(caught.value).startswith("account family: the authorization server 127.0.0.1 ")
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert trio.current_time() < 30


@pytest.mark.parametrize("flow", FLOWS)
async def test_nobody_listens(flow: Flow) -> None:
    async with scripted() as server:
        pass
    with pytest.raises(UpstreamUnavailable, match="cannot be reached: nobody listens there"):
        await sign_in("family", at(server.url, flow), 20, Pasting(), "paste")
