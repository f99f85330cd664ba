"""TLS in a session: what is offered before and after it, and that nothing said in clear counts inside."""

import ssl

import pytest
import trio
from trio.testing import MockClock

from bridge.net import client_context
from tests.session.support import ENDED, FakeMaildrops, House
from tests.support.certificates import Certificate, make_certificate


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def pair(certificate: Certificate) -> tuple[str, str]:
    return str(certificate.certificate), str(certificate.key)


@pytest.fixture
def context(certificate: Certificate) -> ssl.SSLContext:
    return client_context(str(certificate.ca))


@pytest.fixture
async def house(nursery: trio.Nursery) -> House:
    return House(nursery, FakeMaildrops())


async def test_stls(autojump_clock: MockClock, house: House, pair: tuple[str, str], context: ssl.SSLContext) -> None:
    caller = house.call(plaintext_login="never", tls="starttls", certificate=pair)
    await caller.hear()
    offered = await caller.lines("CAPA")
    assert "STLS" in offered
    assert "USER" not in offered
    assert await caller.ask("USER fax") == "-ERR use STLS first"
    assert await caller.ask("STLS") == "+OK begin TLS now"
    await caller.start_tls(context)
    offered = await caller.lines("CAPA")
    assert "STLS" not in offered
    assert {"USER", "SASL PLAIN"} <= set(offered)
    assert (await caller.ask("USER fax")).startswith("+OK")
    assert (await caller.ask("PASS secret")).startswith("+OK")
    assert await caller.lines("RETR 1") == ["Subject: one", "", "first", "..dot"]
    assert await caller.ask("QUIT") == "+OK goodbye"
    assert await caller.hear() == ENDED


@pytest.mark.parametrize(
    "injected",
    [b"USER mallory\r\nPASS secret\r\n", b"USER fax\r\nPASS secret\r\nDELE 1\r\nQUIT\r\n", b"QUIT\r\n", b"x" * 100],
)
async def test_what_is_slipped_in_behind_stls_is_dropped(
    autojump_clock: MockClock, house: House, pair: tuple[str, str], context: ssl.SSLContext, injected: bytes
) -> None:
    caller = house.call(tls="starttls", certificate=pair)
    await caller.hear()
    assert (await caller.ask("USER fax")).startswith("+OK")
    await caller.send(b"STLS\r\n" + injected)
    assert await caller.hear() == "+OK begin TLS now"
    await caller.start_tls(context)
    assert await caller.ask("PASS secret") == "-ERR USER comes first"
    assert (await caller.ask("USER fax")).startswith("+OK")
    assert (await caller.ask("PASS secret")).startswith("+OK")
    assert await caller.ask("STAT") == "+OK 3 67"


async def test_tls_from_the_first_octet(
    autojump_clock: MockClock, house: House, pair: tuple[str, str], context: ssl.SSLContext
) -> None:
    caller = house.call(plaintext_login="never", tls="implicit", certificate=pair)
    await caller.start_tls(context)
    assert (await caller.log_in()).startswith("+OK")
    assert (await caller.ask("STLS")).startswith("-ERR")
    assert await caller.ask("QUIT") == "+OK goodbye"


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize("octets", [b"USER fax\r\n", b"\x16\x03\x01\x00\x02\xff\xff", b"GET / HTTP/1.0\r\n\r\n"])
async def test_a_handshake_that_fails_ends_the_session(
    autojump_clock: MockClock, house: House, pair: tuple[str, str], tls: str, octets: bytes
) -> None:
    caller = house.call(tls="implicit" if tls == "implicit" else "starttls", certificate=pair)
    if tls == "starttls":
        await caller.hear()
        assert await caller.ask("STLS") == "+OK begin TLS now"
    await caller.send(octets)
    with trio.fail_after(61):
        assert b"+OK" not in await caller.rest()
