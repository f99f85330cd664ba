"""TLS from the first octet, and by STARTTLS."""

import ssl
from pathlib import Path

import pytest

from bridge.sandbox import SandboxServer
from tests.sandbox.support import dial, serving, with_anna
from tests.support.certificates import Certificate, make_certificate


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(Path(tmp_path_factory.mktemp("tls")))


def server_with(certificate: Certificate, tls: str) -> SandboxServer:
    files = (str(certificate.certificate), str(certificate.key))
    return with_anna(SandboxServer(tls="implicit" if tls == "implicit" else "starttls", certificate=files))


async def test_implicit(certificate: Certificate) -> None:
    async with serving(server_with(certificate, "implicit")) as port, dial(port) as raw:
        await raw.start_tls(ssl.create_default_context(cafile=str(certificate.ca)))
        assert b"STARTTLS" not in await raw.line()
        assert (await raw.ask(b"LOGIN anna secret"))[-1].startswith(b"T OK ")


async def test_starttls_forgets_what_came_behind_it(certificate: Certificate) -> None:
    server = server_with(certificate, "starttls")
    async with serving(server) as port, dial(port) as raw:
        assert b" STARTTLS" in await raw.line()
        await raw.send(b"s STARTTLS\r\nx LOGIN anna secret\r\n")
        assert await raw.line() == b"s OK begin TLS now"
        await raw.start_tls(ssl.create_default_context(cafile=str(certificate.ca)))
        assert b"STARTTLS" not in (await raw.ask(b"CAPABILITY"))[0]
        assert await raw.ask(b"SELECT INBOX") == [b"T BAD sign in first"]
    assert not server.commands("LOGIN")
