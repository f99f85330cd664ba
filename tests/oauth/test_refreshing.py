"""The daemon's door: new tokens for old, and what comes of a server that says no, nothing or nonsense."""

import base64
from functools import partial
from pathlib import Path
from urllib.parse import quote_plus

import pytest
import trio
import trio.testing

from bridge.model.failures import SignInNeeded, UpstreamBroken, UpstreamError, UpstreamUnavailable
from bridge.model.oauth import OAuthSettings, Tokens
from bridge.model.secret import Secret
from bridge.oauth import TokenEndpoint
from tests.oauth.scripted import refusal, reply, scripted, settings, token
from tests.support.certificates import make_certificate

OLD = Tokens(Secret("at-0"), 5.0, Secret("rt-0"), "imap")
SECRETS = ("hunter2", "rt-0", "at-0", "at-1", "rt-1")


def endpoint(given: OAuthSettings, timeout: float = 5) -> TokenEndpoint:
    return TokenEndpoint("family", given, timeout, now=lambda: 1000.0)


async def failed(answer: bytes | None, timeout: float = 5, **more: object) -> UpstreamError:
    """Give what a refresh raises over one answer, which shows no secret."""
    async with scripted(answer) as server:
        with pytest.raises(UpstreamError) as caught:
            await endpoint(settings(server.url, **more), timeout).refresh(OLD)
    told = f"{caught.value} {caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"
    assert not any(secret in told for secret in SECRETS)
    assert str(caught.value).startswith("account family: the authorization server 127.0.0.1 ")
    return caught.value


async def test_a_refresh_token_is_sent_and_kept() -> None:
    async with scripted(token()) as server:
        fresh = await endpoint(settings(server.url)).refresh(OLD)
    assert server.forms == [
        {"grant_type": "refresh_token", "refresh_token": "rt-0", "client_id": "popbridge", "client_secret": "hunter2"}
    ]
    assert server.heads[0].startswith("POST /token HTTP/1.1")
    assert fresh == Tokens(Secret("at-1"), 4600.0, Secret("rt-0"), "imap")


async def test_a_refresh_token_that_was_exchanged_comes_back() -> None:
    async with scripted(token(refresh_token="rt-1", scope="imap more")) as server:
        fresh = await endpoint(settings(server.url)).refresh(OLD)
    assert (fresh.refresh.reveal(), fresh.scope) == ("rt-1", "imap more")


async def test_a_program_may_say_who_it_is_by_http() -> None:
    async with scripted(token()) as server:
        given = settings(server.url, client_auth="basic", client_id="pop bridge", client_secret=Secret("a:b%"))
        await endpoint(given).refresh(OLD)
    assert server.forms == [{"grant_type": "refresh_token", "refresh_token": "rt-0"}]
    # RFC 6749 §2.3.1: each encoded as in a form first
    assert "authorization: basic cg9wk2jyawrnztphjtnbyiuyNQ==".lower() in server.heads[0].lower()


async def test_a_program_without_a_secret_names_itself_alone() -> None:
    async with scripted(token()) as server:
        await endpoint(settings(server.url, client_secret=Secret(""))).refresh(OLD)
    assert server.forms == [{"grant_type": "refresh_token", "refresh_token": "rt-0", "client_id": "popbridge"}]


@pytest.mark.parametrize(
    ("told", "expires_at"),
    [(60, 1060.0), ("60", 1060.0), (0, 0.0), (-5, 0.0), (None, 0.0), (True, 0.0), ("soon", 0.0), (1e300, 31623400.0)],
)
async def test_how_long_a_token_lives(told: object, expires_at: float) -> None:
    async with scripted(token(expires_in=told)) as server:
        assert (await endpoint(settings(server.url)).refresh(OLD)).expires_at == expires_at


@pytest.mark.parametrize("tokens", [None, Tokens(Secret("at-0"))])
async def test_without_a_refresh_token_nobody_is_asked(tokens: Tokens | None) -> None:
    async with scripted() as server:
        with pytest.raises(SignInNeeded, match="sign in with `popbridge login family`"):
            await endpoint(settings(server.url)).refresh(tokens)
    assert server.forms == []


async def test_a_token_by_secret_needs_no_person() -> None:
    async with scripted(token()) as server:
        fresh = await endpoint(settings(server.url, flow="client-credentials")).refresh(None)
    assert server.forms == [
        {"grant_type": "client_credentials", "scope": "imap", "client_id": "popbridge", "client_secret": "hunter2"}
    ]
    assert fresh == Tokens(Secret("at-1"), 4600.0)


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        ("invalid_grant", "the sign-in has ended or was withdrawn: sign in again with `popbridge login family`"),
        ("invalid_client", "it does not take the program: check client_id and client_secret"),
        ("unauthorized_client", "it does not take the program: check client_id and client_secret"),
        ("invalid_scope", "check scope, and what the client was allowed where it was made"),
        ("unsupported_grant_type", 'it does not know flow = "device": choose another'),
        ("authorization_declined", "whoever was asked said no: sign in again with `popbridge login family`"),
        ("interaction_required", "check `oauth`, then sign in again with `popbridge login family`"),
    ],
)
async def test_what_only_a_sign_in_or_the_config_mends(error: str, advice: str) -> None:
    failure = await failed(refusal(error, "rt-0 for hunter2\r\n\x1b[1m  is no more"))
    assert isinstance(failure, SignInNeeded)
    assert f'refuses ({error}: "… for … [1m is no more"): {advice}' in str(failure)


async def test_an_error_as_a_form_is_read() -> None:
    body = b"error=invalid_grant&error_description=gone+for+good"
    failure = await failed(reply(400, body, kind="application/x-www-form-urlencoded"))
    assert isinstance(failure, SignInNeeded)
    assert '"gone for good"' in str(failure)


async def test_an_error_with_status_200_is_an_error() -> None:
    assert isinstance(await failed(refusal("invalid_grant", status=200)), SignInNeeded)


@pytest.mark.parametrize(
    ("answer", "pause"),
    [
        (refusal("temporarily_unavailable"), 0.0),
        (refusal("server_error", "oops", 500), 0.0),
        (reply(503, b"<html>", "Retry-After: 120", kind="text/html"), 120.0),
        (reply(429, b"", "Retry-After: 99999999"), 3600.0),
        (reply(429, b"", "Retry-After: later"), 0.0),
        (
            reply(
                503, b"", "Date: Thu, 26 Nov 2026 00:00:00 GMT", "Retry-After: Thu, 26 Nov 2026 00:01:30 GMT", kind="x"
            ),
            90.0,
        ),
    ],
)
async def test_what_may_do_better_later(answer: bytes, pause: float) -> None:
    failure = await failed(answer)
    assert isinstance(failure, UpstreamUnavailable)
    assert failure.pause == pause
    assert "cannot answer just now" in str(failure)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (reply(200, b"<html>welcome</html>", kind="text/html"), "gives an answer that is no JSON"),
        (reply(200, b"\xff\xfe"), "gives an answer that is no JSON"),
        (reply(200, b"[" * 60_000), "gives an answer that is no JSON"),
        (reply(200, b"[1]"), "gives an answer that is no JSON object"),
        (reply(200, b"{}"), "gives an answer without an access_token"),
        (token(access_token=""), "gives an answer without an access_token"),
        (token(access_token=17), "gives a access_token that is none"),
        (token(access_token="a\r\nb"), "gives a access_token that is none"),
        (token(refresh_token="a b"), "gives a refresh_token that is none"),
        (token(token_type="mac"), "gives a token that is no bearer token"),
        (reply(404, b"<html>", kind="text/html"), "answers with status 404: is it the right endpoint?"),
        (reply(302, b"", "Location: http://127.0.0.1:1/"), "answers with status 302: is it the right endpoint?"),
        (reply(400, b'{"error": ["x"]}'), "answers with status 400: is it the right endpoint?"),
        (reply(200, b"x" * 65_537), "sends more than 65536 octets"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n" + b"x" * 70_000, "sends more than 65536 octets"),
        (b"* OK IMAP4rev1 ready\r\n", "does not answer as HTTP servers do"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", "does not answer as HTTP servers do"),
    ],
)
async def test_answers_that_are_none(answer: bytes, said: str) -> None:
    failure = await failed(answer)
    assert isinstance(failure, UpstreamBroken)
    assert said in str(failure)


async def test_a_redirect_takes_no_secret_elsewhere() -> None:
    async with scripted() as other, scripted(reply(307, b"", f"Location: {other.url}/token")) as server:
        with pytest.raises(UpstreamBroken):
            await endpoint(settings(server.url)).refresh(OLD)
    assert other.forms == []


async def test_silence_ends_in_time(autojump_clock: trio.testing.MockClock) -> None:
    assert isinstance(await failed(None, timeout=20), UpstreamUnavailable)
    assert trio.current_time() == pytest.approx(20, abs=1)


async def test_an_answer_that_never_ends_ends_in_time(autojump_clock: trio.testing.MockClock) -> None:
    """Octet by octet, so that each read is quick: only the whole has a bound that matters."""

    async def drip(stream: trio.SocketStream) -> None:
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
        while True:
            await trio.sleep(1)
            await stream.send_all(b"x")

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, drip, 0, host="127.0.0.1"))
        url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        with pytest.raises(UpstreamUnavailable, match="did not answer within 20 s"):
            await endpoint(settings(url), 20).refresh(OLD)
        nursery.cancel_scope.cancel()
    assert trio.current_time() < 25


async def test_nobody_there() -> None:
    async with scripted() as server:
        pass
    with pytest.raises(UpstreamUnavailable, match="cannot be reached: nobody listens there"):
        await endpoint(settings(server.url)).refresh(OLD)


async def test_tls_is_verified(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    async with scripted(token(), certificate=certificate) as server:
        trusting = settings(server.url, ca_file=str(certificate.ca))
        assert (await endpoint(trusting).refresh(OLD)).access == Secret("at-1")
    async with scripted(token(), certificate=certificate) as server:
        with pytest.raises(UpstreamBroken, match="cannot be trusted: its certificate is not trusted"):
            await endpoint(settings(server.url)).refresh(OLD)
        assert server.forms == []


@pytest.mark.parametrize(
    "url",
    [
        "http://login.example.org",
        "http://192.168.1.1",
        "ftp://127.0.0.1",
        "https://a@b",
        "//x",
        "https://x/#y",
        "https://x:65536/",
    ],
)
async def test_nothing_is_sent_in_clear_or_to_nowhere(url: str) -> None:
    with pytest.raises(UpstreamBroken, match="the authorization server's URL"):
        await endpoint(settings(url, token_endpoint=url)).refresh(OLD)


async def test_endpoints_of_an_issuer_are_asked_for_once() -> None:
    async with scripted() as server:
        document = f'{{"issuer": "{server.url}/x", "token_endpoint": "{server.url}/t"}}'.encode()
        server.answers += [reply(404, b""), reply(200, document), token(), token()]
        given = endpoint(settings("", issuer=f"{server.url}/x", token_endpoint=""))
        await given.refresh(OLD)
        await given.refresh(OLD)
    assert [head.split(" ")[1] for head in server.heads] == [
        "/.well-known/oauth-authorization-server/x",
        "/x/.well-known/openid-configuration",
        "/t",
        "/t",
    ]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (
            '{"issuer": "https://x.example", "token_endpoint": "https://x.example/t"}',
            "metadata of another issuer",
        ),
        ('{"issuer": "URL"}', "metadata without a token endpoint"),
        ('{"issuer": "URL", "token_endpoint": "http://evil.example/t"}', "a token_endpoint that is none"),
        ('{"issuer": "URL", "token_endpoint": 7}', "a token_endpoint that is none"),
        ("<html>", "no JSON"),
    ],
)
async def test_metadata_that_is_not_believed(document: str, said: str) -> None:
    async with scripted() as server:
        server.answers += [reply(200, document.replace("URL", server.url).encode())] * 2
        with pytest.raises(UpstreamBroken, match=said):
            await endpoint(settings("", issuer=server.url, token_endpoint="")).refresh(OLD)


@pytest.mark.parametrize("client_auth", ["basic", "post"])
async def test_a_server_that_repeats_what_it_was_sent_is_not_quoted(client_auth: str) -> None:
    """It may do so as it is, as it came in a form, cut short, and in its code."""
    long = "1//0refresh+of/anna=" * 10
    basic = base64.b64encode(b"popbridge:client-hunter2").decode()
    for told in (long, quote_plus(long), long[:60], long[40:90], f"Authorization: Basic {basic}", basic[:20]):
        for answer in (refusal("invalid_grant", f"what is {told}?"), refusal(told[:100].replace(" ", ""))):
            async with scripted(answer) as server:
                given = settings(server.url, client_secret=Secret("client-hunter2"), client_auth=client_auth)
                with pytest.raises(UpstreamError) as failure:
                    await endpoint(given).refresh(Tokens(Secret("a"), 0.0, Secret(long)))
            said = str(failure.value)
            if "Basic" in told and client_auth == "post":
                continue  # it was not sent
            assert "0refresh" not in said
            assert client_auth == "post" or basic[:20] not in said
