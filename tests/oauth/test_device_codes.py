"""Codes that are typed elsewhere, where the server answers late, wrongly or not at all."""

import json
from dataclasses import replace

import pytest
import trio
import trio.testing

from bridge.model.failures import SignInNeeded, UpstreamBroken, UpstreamUnavailable
from bridge.model.secret import Secret
from bridge.oauth import DeviceCode, device
from bridge.oauth.server import AuthorizationServer
from tests.oauth.scripted import Scripted, refusal, reply, scripted, settings, token

CODE = {
    "device_code": "dc-hunter2",
    "user_code": "ABCD-EFGH",
    "verification_uri": "https://login.example.org/device",
    "expires_in": 900,
    "interval": 7,
}


def server_at(server: Scripted) -> AuthorizationServer:
    return AuthorizationServer("family", settings(server.url), 20, lambda: 1000.0)


async def begun(**changed: object) -> DeviceCode:
    """Give what is made of an answer with some of its fields changed; None takes one away."""
    whole = {name: value for name, value in {**CODE, **changed}.items() if value is not None}
    async with scripted(reply(200, json.dumps(whole).encode())) as server:
        return await device.begin(server_at(server))


async def polled(server: Scripted, **changed: object) -> list[float]:
    """Wait for a code of 7 s interval to be used, and give when the server was asked."""
    times: list[float] = []
    server.before = lambda: times.append(trio.current_time())
    plain = DeviceCode("ABCD", "https://x/", "", 900.0, 7.0, Secret("dc-hunter2"))
    start = trio.current_time()
    try:
        await device.wait(server_at(server), replace(plain, **changed))  # type: ignore[arg-type]
    finally:
        times[:] = [round(at - start) for at in times]
    return times


async def test_what_is_told_to_whoever_signs_in() -> None:
    code = await begun(verification_uri_complete="https://login.example.org/device?code=ABCD-EFGH")
    assert (code.user_code, code.uri) == ("ABCD-EFGH", "https://login.example.org/device")
    assert code.complete == "https://login.example.org/device?code=ABCD-EFGH"
    assert (code.seconds, code.interval) == (900.0, 7.0)
    assert "hunter2" not in repr(code)


async def test_what_is_asked_for() -> None:
    async with scripted(reply(200, json.dumps(CODE).encode())) as server:
        await device.begin(server_at(server))
    assert server.forms == [{"client_id": "popbridge", "client_secret": "hunter2", "scope": "imap"}]


@pytest.mark.parametrize(
    ("changed", "seconds", "interval"),
    [
        ({"interval": None}, 900.0, 5.0),
        ({"interval": 0}, 900.0, 5.0),
        ({"interval": "x"}, 900.0, 5.0),
        ({"interval": 100_000}, 900.0, 60.0),
        ({"expires_in": None}, 3600.0, 7.0),
        ({"expires_in": 1e9}, 3600.0, 7.0),
    ],
)
async def test_numbers_that_are_missing_or_none(changed: dict[str, object], seconds: float, interval: float) -> None:
    code = await begun(**changed)
    assert (code.seconds, code.interval) == (seconds, interval)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"device_code": None}, "without a device_code"),
        ({"device_code": "a\nb"}, "without a device_code"),
        ({"user_code": None}, "without a user_code"),
        ({"user_code": "\x1b[2J"}, "without a user_code"),
        ({"user_code": "A" * 65}, "without a user_code"),
        ({"verification_uri": None}, "without a verification_uri that is one"),
        ({"verification_uri": "javascript:alert(1)"}, "without a verification_uri that is one"),
        ({"verification_uri": "https://x/\x1b]0;"}, "without a verification_uri that is one"),
    ],
)
async def test_codes_that_are_none(changed: dict[str, object], why: str) -> None:
    with pytest.raises(UpstreamBroken, match=why) as caught:
        await begun(**changed)
    assert "hunter2" not in str(caught.value)


async def test_an_address_with_the_code_that_is_none_is_left_out() -> None:
    assert (await begun(verification_uri_complete="javascript:x")).complete == ""


async def test_googles_older_name_for_the_address() -> None:
    assert (await begun(verification_uri=None, verification_url="https://x.example/d")).uri == "https://x.example/d"


async def test_a_server_without_codes() -> None:
    server = AuthorizationServer("family", settings("", device_authorization_endpoint=""), 20, lambda: 0.0)
    with pytest.raises(SignInNeeded, match="has no device codes: choose another `flow`"):
        await device.begin(server)


async def test_the_interval_is_kept_to(autojump_clock: trio.testing.MockClock) -> None:
    async with scripted(refusal("authorization_pending"), refusal("authorization_pending"), token()) as server:
        assert await polled(server) == [7, 14, 21]
    assert server.forms[0]["device_code"] == "dc-hunter2"
    assert server.forms[0]["grant_type"] == "urn:ietf:params:oauth:grant-type:device_code"


async def test_slow_down_adds_five_seconds_for_good(autojump_clock: trio.testing.MockClock) -> None:
    pending = refusal("authorization_pending")
    async with scripted(refusal("slow_down"), pending, refusal("slow_down"), token()) as server:
        assert await polled(server) == [7, 19, 31, 48]


async def test_a_server_that_is_down_is_asked_half_as_often(autojump_clock: trio.testing.MockClock) -> None:
    async with scripted(reply(503, b""), None, token()) as server:
        assert await polled(server) == [7, 21, 69]  # 14 s on; then 20 s for an answer that does not come, and 28 more


async def test_a_server_that_stays_down_is_the_reason(autojump_clock: trio.testing.MockClock) -> None:
    async with scripted(*[reply(503, b"")] * 20) as server:
        with pytest.raises(UpstreamUnavailable, match="cannot answer just now"):
            await polled(server, seconds=200.0)
    assert trio.current_time() <= 201


async def test_nobody_is_waited_for_longer_than_the_code_lives(autojump_clock: trio.testing.MockClock) -> None:
    async with scripted(*[refusal("authorization_pending")] * 9) as server:
        with pytest.raises(SignInNeeded, match="nobody used the code in time"):
            await polled(server, seconds=60.0)
    assert len(server.forms) == 8
