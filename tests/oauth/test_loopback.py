"""The port that a browser is sent back to: what it takes, and what it does not."""

import pytest
import trio
import trio.testing

from bridge.model.failures import SignInNeeded
from bridge.oauth import DeviceCode, Return, sign_in
from bridge.oauth.browser import Asking, Back, NotOurs
from bridge.oauth.loopback import loopback
from tests.oauth.scripted import scripted, settings, token


async def said(port: int, request: bytes) -> bytes:
    """Say something to the port, and give all that comes back."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        await stream.send_all(request)
        octets = b""
        while data := await stream.receive_some():
            octets += data
    return octets


def get(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {'x' * 3000}\r\n\r\n".encode()


ASKING = Asking.fresh("http://127.0.0.1")


def read(query: str) -> Back:
    return ASKING.came_back(query, "")


RIGHT = f"/?code=c-1&state={ASKING.state.reveal()}"

REFUSED = [
    (get("/favicon.ico"), b"404 Not Found"),
    (get("/?code=c-2&state=guessed"), b"400 Bad Request"),
    (get("/?code=c-2"), b"400 Bad Request"),
    (get(f"/?state={ASKING.state.reveal()}"), b"400 Bad Request"),
    (get(f"/other{RIGHT[1:]}"), b"404 Not Found"),
    (get(RIGHT).replace(b"GET", b"POST"), b"405 Method Not Allowed"),
    (get("http://elsewhere.example" + RIGHT), b"400 Bad Request"),
    (get("//[x" + RIGHT), b"404 Not Found"),
    (b"EHLO x\r\n\r\n", b"400 Bad Request"),
    (b"\x16\x03\x01\x02\x00\r\n\r\n", b"400 Bad Request"),
    (b"GET / HTTP/1.1\r\n" + b"x" * 20_000, b"400 Bad Request"),
]


async def test_only_the_answer_is_taken_and_then_nothing_more() -> None:
    async with loopback(0, "/") as here, trio.open_nursery() as nursery:
        found: list[Back] = []

        async def wait() -> None:
            found.append(await here.answer(read))

        nursery.start_soon(wait)
        for request, status in REFUSED:
            page = await said(here.port, request)
            assert page.startswith(b"HTTP/1.1 " + status)
            assert found == []
        page = await said(here.port, get(RIGHT))
        assert page.startswith(b"HTTP/1.1 200 OK")
        assert b"c-1" not in page
        assert b"Cache-Control: no-store" in page
    assert [one.code.reveal() for one in found] == ["c-1"]
    with pytest.raises(OSError, match="all attempts"):
        await trio.open_tcp_stream("127.0.0.1", here.port)


async def test_others_are_not_listened_to() -> None:
    """The port is 127.0.0.1's alone."""
    async with loopback(0, "/") as here:
        with pytest.raises(OSError, match="all attempts"):
            await trio.open_tcp_stream("127.0.0.2", here.port)


async def test_one_that_says_nothing_keeps_nobody_waiting(autojump_clock: trio.testing.MockClock) -> None:
    async with loopback(0, "/") as here, trio.open_nursery() as nursery:
        nursery.start_soon(here.answer, read)
        silent = await trio.open_tcp_stream("127.0.0.1", here.port)
        assert (await said(here.port, get(RIGHT))).startswith(b"HTTP/1.1 200 OK")
        await silent.aclose()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "neither an address nor a code"),
        ("two words", "neither an address nor a code"),
        ("x" * 9000, "too long"),
        ("http://127.0.0.1/?code=c", "another attempt"),
        ("http://127.0.0.1/", "another attempt"),
        ("http://[x/?code=c", "another attempt"),
        (f"?code=c&state={ASKING.state.reveal()}&iss=https://x.example", "another authorization server"),
        ("code=" + "&a=b" * 50, "no meaning"),
    ],
)
def test_what_is_pasted_and_no_answer(text: str, why: str) -> None:
    with pytest.raises(NotOurs, match=why):
        ASKING.pasted(text, "https://login.example.org")


@pytest.mark.parametrize(
    "text",
    [
        "c-1",
        " c-1\n",
        f"http://127.0.0.1:5{RIGHT}",
        f"?code=c-1&state={ASKING.state.reveal()}&iss=https://login.example.org",
        f"code=c-1&state={ASKING.state.reveal()}",
    ],
)
def test_what_is_pasted_and_an_answer(text: str) -> None:
    assert ASKING.pasted(text, "https://login.example.org").code.reveal() == "c-1"


def test_what_a_browser_is_asked_with() -> None:
    """RFC 7636's own example: appendix B."""
    from bridge.model.secret import Secret

    asking = Asking("http://127.0.0.1:5", Secret("s"), Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"))
    address = asking.address(settings("https://login.example.org"))
    assert "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256" in address
    assert "redirect_uri=http%3A%2F%2F127.0.0.1%3A5" in address
    assert "dBjftJeZ4CVP" not in address
    assert "dBjftJeZ4CVP" not in repr(asking)


def test_google_is_asked_for_a_refresh_token() -> None:
    address = Asking.fresh("http://127.0.0.1").address(settings("https://x", authority="google"))
    assert "access_type=offline&prompt=consent" in address


class Nobody:
    """Signs in with no browser."""

    def __init__(self) -> None:
        self.address = ""

    def use_code(self, code: DeviceCode) -> None:
        raise AssertionError

    def open_address(self, address: str, way: Return) -> None:
        self.address = address

    def not_taken(self, why: str) -> None:
        raise AssertionError

    async def paste(self) -> str:
        await trio.sleep_forever()
        return ""


@pytest.mark.parametrize("way", ["loopback", "paste"])
async def test_nobody_is_waited_for_longer_than_ten_minutes(
    way: Return, autojump_clock: trio.testing.MockClock
) -> None:
    with pytest.raises(SignInNeeded, match="nobody signed in within 10 minutes: run `popbridge login family` again"):
        await sign_in("family", settings("http://127.0.0.1", flow="browser"), 20, Nobody(), way)
    assert trio.current_time() <= 601


async def test_a_redirect_uri_that_is_not_ours_is_pasted_only() -> None:
    given = settings("http://127.0.0.1", flow="browser", redirect_uri="https://app.example.org/back")
    with pytest.raises(SignInNeeded, match="paste the address with `--paste`"):
        await sign_in("family", given, 20, Nobody(), "loopback")


async def test_the_port_and_path_of_a_redirect_uri_are_kept() -> None:
    nobody = Nobody()
    async with scripted(token()) as server:
        port = int(server.url.rpartition(":")[2])
        given = settings(server.url, flow="browser", redirect_uri=f"http://localhost:{port}/back")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sign_in, "family", given, 20, nobody, "paste")
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
    assert f"redirect_uri=http%3A%2F%2Flocalhost%3A{port}%2Fback" in nobody.address
