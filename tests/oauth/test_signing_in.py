"""Every way to sign in, at a real authorization server, with what people and configurations do wrong."""

from dataclasses import dataclass, field, replace

import httpx2
import pytest
import trio
import trio.testing

from bridge.model.failures import SignInNeeded, UpstreamBroken
from bridge.model.oauth import OAuthSettings, Tokens
from bridge.model.secret import Secret
from bridge.oauth import DeviceCode, Granted, Return, TokenEndpoint, device, sign_in
from bridge.oauth.answers import Refused
from bridge.oauth.server import AuthorizationServer
from tests.oauth.authority import ANNA, SECRET, Authority, Browser, authority, other_key


@dataclass
class Anna:
    """Signs in with a browser as soon as she is told where; what she pastes is what the browser ended at."""

    nursery: trio.Nursery
    browser: Browser = field(default_factory=Browser)
    pastes: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    code: DeviceCode | None = None
    ended: trio.Event = field(default_factory=trio.Event)
    way: str = ""
    at: str = ""

    def use_code(self, code: DeviceCode) -> None:
        self.code = code
        self.nursery.start_soon(self._go, code.complete)

    def open_address(self, address: str, way: Return) -> None:
        self.way = way
        self.nursery.start_soon(self._go, address)

    def not_taken(self, why: str) -> None:
        self.told.append(why)

    async def paste(self) -> str:
        await self.ended.wait()
        return self.pastes.pop(0) if self.pastes else self.at

    async def _go(self, address: str) -> None:
        self.at = await self.browser(address)
        if self.way == "loopback":
            async with httpx2.AsyncClient(trust_env=False) as client:
                self.told.append((await client.get(self.at)).text)
        self.ended.set()


async def signed_in(
    settings: OAuthSettings, browser: Browser | None = None, way: Return = "loopback", *pastes: str
) -> tuple[Granted, Anna]:
    """Sign in, and give what was granted and who did it."""
    async with trio.open_nursery() as nursery:
        anna = Anna(nursery, browser or Browser(), list(pastes))
        granted = await sign_in("family", settings, 30, anna, way)
    return granted, anna


async def refused(settings: OAuthSettings, browser: Browser | None = None, way: Return = "loopback") -> Refused:
    """Give how signing in is refused, in a sentence without secrets."""
    found: list[Refused] = []
    try:
        await signed_in(settings, browser, way)
    except* Refused as group:
        found = [one for one in group.exceptions if isinstance(one, Refused)]
    assert len(found) == 1
    assert "hunter2" not in str(found[0])
    return found[0]


async def refreshed(settings: OAuthSettings, tokens: Tokens | None) -> Tokens:
    return await TokenEndpoint("family", settings, 30).refresh(tokens)


# --- a code that is typed elsewhere


async def test_a_code_typed_elsewhere(provider: Authority) -> None:
    granted, anna = await signed_in(provider.settings("device"))
    assert anna.code is not None
    assert anna.code.uri == f"{provider.url}/device"
    assert anna.code.user_code in anna.code.complete
    assert granted.names == (ANNA,)
    assert granted.tokens.refresh.reveal()
    assert granted.tokens.expires_at > 0


async def test_a_refresh_token_is_exchanged_and_the_old_one_is_of_no_more_use(provider: Authority) -> None:
    settings = provider.settings("device", "secret", client_secret=Secret(SECRET))
    first = (await signed_in(settings))[0].tokens
    second = await refreshed(settings, first)
    assert second.refresh != first.refresh
    third = await refreshed(settings, second)
    assert third.access != second.access
    with pytest.raises(SignInNeeded, match=r"refuses \(invalid_grant: .*: sign in again with `popbridge login family`"):
        await refreshed(settings, first)


async def test_whoever_says_no_to_a_code(provider: Authority) -> None:
    failure = await refused(provider.settings("device"), Browser(consents=False))
    assert failure.error == "access_denied"
    assert "whoever was asked said no: sign in again with `popbridge login family`" in str(failure)


async def test_a_code_that_the_server_lets_expire(provider: Authority) -> None:
    with authority(seconds=1) as hasty:
        server = AuthorizationServer("family", hasty.settings("device"), 30, lambda: 0.0)
        code = replace(await device.begin(server), seconds=60.0, interval=1.1)
        with pytest.raises(Refused, match="the code was not used in time") as caught:
            await device.wait(server, code)
    assert caught.value.error == "expired_token"


async def test_a_code_that_nobody_uses(provider: Authority) -> None:
    server = AuthorizationServer("family", provider.settings("device"), 30, lambda: 0.0)
    code = replace(await device.begin(server), seconds=0.5)
    with pytest.raises(SignInNeeded, match="nobody used the code in time: run `popbridge login family` again"):
        await device.wait(server, code)


async def test_a_server_that_is_asked_too_often_is_asked_less(
    provider: Authority, mock_clock: trio.testing.MockClock
) -> None:
    mock_clock.rate = 20  # a second takes 50 ms here, and not at the server
    server = AuthorizationServer("family", provider.settings("device"), 300, lambda: 0.0)
    code = replace(await device.begin(server), interval=0.5)
    async with trio.open_nursery() as nursery:
        asked = trio.current_time()
        nursery.start_soon(Browser(), code.complete)
        await device.wait(server, code)
    # Twice at once is refused (slow_down), and 5 s more lie between from then on.
    assert trio.current_time() - asked >= 5.5


# --- with a browser


async def test_a_browser_comes_back_to_a_port_of_this_machine(provider: Authority) -> None:
    granted, anna = await signed_in(provider.settings("browser"))
    assert anna.at.startswith("http://127.0.0.1:")
    assert "you can close this window" in anna.told[0]
    assert granted.names == (ANNA,)
    assert (await refreshed(provider.settings("browser"), granted.tokens)).access != granted.tokens.access


async def test_the_address_is_pasted(provider: Authority) -> None:
    granted, anna = await signed_in(provider.settings("browser"), None, "paste")
    assert "code=" in anna.at
    assert granted.tokens.refresh.reveal()


async def test_only_the_code_is_pasted(provider: Authority) -> None:
    class Careful(Anna):
        async def paste(self) -> str:
            return httpx2.URL(await super().paste()).params["code"]

    async with trio.open_nursery() as nursery:
        granted = await sign_in("family", provider.settings("browser"), 30, Careful(nursery), "paste")
    assert granted.names == (ANNA,)


async def test_what_is_pasted_wrongly_is_asked_for_again(provider: Authority) -> None:
    other = "http://127.0.0.1/?code=abc&state=of-another"
    _, anna = await signed_in(provider.settings("browser"), None, "paste", "what is this", other)
    assert anna.told == [
        "that is neither an address nor a code",
        "what came back belongs to another attempt: its `state` is not ours",
    ]


@pytest.mark.parametrize("way", ["loopback", "paste"])
async def test_whoever_says_no_in_the_browser(way: Return, provider: Authority) -> None:
    failure = await refused(provider.settings("browser"), Browser(consents=False), way)
    assert failure.error == "access_denied"
    assert "run `popbridge login family` again" in str(failure)


async def test_a_code_is_of_no_use_without_its_verifier(provider: Authority) -> None:
    class Mallory(Anna):
        async def paste(self) -> str:
            return self.pastes[0]

    async with trio.open_nursery() as nursery:
        anna = Anna(nursery)
        with pytest.raises(SignInNeeded):
            await sign_in("family", provider.settings("browser"), 30, _Idle(anna), "paste")
    stolen = httpx2.URL(anna.at).params["code"]
    async with trio.open_nursery() as nursery:
        with pytest.raises(Refused) as caught:
            await sign_in("family", provider.settings("browser"), 30, Mallory(nursery, pastes=[stolen]), "paste")
    assert caught.value.error == "invalid_grant"
    assert stolen not in str(caught.value)


class _Idle:
    """Has the browser sign in, and pastes nothing."""

    def __init__(self, anna: Anna) -> None:
        self._anna = anna

    def use_code(self, code: DeviceCode) -> None:
        raise AssertionError("there is no code")

    def open_address(self, address: str, way: Return) -> None:
        self._anna.open_address(address, way)

    def not_taken(self, why: str) -> None:
        raise AssertionError(why)

    async def paste(self) -> str:
        await self._anna.ended.wait()
        return ""


# --- without a person


async def test_a_program_with_a_secret(provider: Authority) -> None:
    assert (await refreshed(provider.alone(), None)).access.reveal()


async def test_a_program_with_a_certificate(provider: Authority) -> None:
    assert (await refreshed(provider.certified(), None)).access.reveal()


async def test_a_service_account(provider: Authority) -> None:
    assert (await refreshed(provider.robot(), None)).access.reveal()


async def test_no_endpoint_but_the_issuer(provider: Authority) -> None:
    plain = provider.certified(
        issuer=provider.url, token_endpoint="", authorization_endpoint="", device_authorization_endpoint=""
    )
    assert (await refreshed(plain, None)).access.reveal()
    granted, _ = await signed_in(replace(plain, flow="browser", client_id="public", scope="openid imap"))
    assert granted.names == ()


# --- mistakes


WRONG = "it does not take the program"


@pytest.mark.parametrize(
    ("flow", "more", "error", "advice"),
    [
        ("device", {"client_id": "nobody"}, "invalid_client", f"{WRONG}: check client_id and client_secret"),
        ("device", {"client_id": "certified"}, "invalid_client", WRONG),
        ("device", {"client_id": "secret", "client_secret": Secret("hunter2")}, "invalid_client", WRONG),
        ("client-credentials", {"client_secret": Secret("hunter2")}, "invalid_client", WRONG),
        ("client-credentials", {"client_id": "nobody"}, "invalid_client", WRONG),
        ("certificate", {"client_id": "nobody"}, "invalid_client", f"{WRONG}: check client_id, tenant, certificate"),
        ("service-account", {"client_id": "nobody"}, "invalid_client", WRONG),
        ("service-account", {"subject": "boss@example.org"}, "invalid_grant", "may act for this user"),
        ("service-account", {"scope": "everything"}, "invalid_grant", "with this scope"),
    ],
)
async def test_a_wrong_client(flow: str, more: dict[str, object], error: str, advice: str, provider: Authority) -> None:
    made = {
        "device": lambda **changed: replace(provider.settings("device"), **changed),
        "client-credentials": provider.alone,
        "certificate": provider.certified,
        "service-account": provider.robot,
    }[flow]
    failure = await refused(replace(made(), **more))  # type: ignore[arg-type]
    assert failure.error == error
    assert advice in str(failure)


@pytest.mark.parametrize("flow", ["certificate", "service-account"])
async def test_a_wrong_key(flow: str, provider: Authority) -> None:
    made = provider.certified if flow == "certificate" else provider.robot
    failure = await refused(made(key=Secret(other_key()), certificate=""))
    assert failure.error == ("invalid_client" if flow == "certificate" else "invalid_grant")


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"key": Secret("hunter2")}, "oauth: the key is no private key in PEM"),
        ({"key": Secret(other_key())}, "oauth: the key is not the certificate's"),
        ({"certificate": "hunter2"}, "oauth: the certificate is no certificate in PEM"),
    ],
)
async def test_a_key_that_cannot_sign(more: dict[str, object], why: str, provider: Authority) -> None:
    with pytest.raises(SignInNeeded, match=why) as caught:
        await refreshed(provider.certified(**more), None)
    assert "hunter2" not in str(caught.value)


async def test_a_wrong_secret_with_a_browser(provider: Authority) -> None:
    failure = await refused(provider.settings("browser", "secret", client_secret=Secret("hunter2")))
    assert failure.error == "invalid_client"


async def test_a_clock_that_is_wrong_is_a_reason(provider: Authority) -> None:
    endpoint = TokenEndpoint("family", provider.robot(), 30, now=lambda: 1e9)
    with pytest.raises(SignInNeeded, match="this machine's clock"):
        await endpoint.refresh(None)


async def test_an_endpoint_that_is_another(provider: Authority) -> None:
    with pytest.raises(UpstreamBroken, match="answers with status 404: is it the right endpoint"):
        await refreshed(provider.alone(token_endpoint=f"{provider.url}/tokens"), None)
