"""What a connection leaves behind when it is closed: nothing, though nobody has looked for cycles yet."""

import gc
import ssl
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bridge.model.failures import UpstreamError
from bridge.model.secret import Secret
from bridge.model.settings import TlsMode
from bridge.sandbox import SandboxServer
from bridge.upstream.signin import SignIn
from tests.support.certificates import Certificate
from tests.upstream.beds import serving

TIMES = 20


@pytest.fixture
def unswept() -> Iterator[None]:
    """Keep Python from looking for cycles."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def ours() -> int:
    """Count the TLS connections of a client that are in memory, each with some 50 KB of OpenSSL's."""
    return sum(isinstance(each, ssl.SSLObject) and not each.server_side for each in gc.get_objects())


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
@pytest.mark.parametrize("wrong", [False, True], ids=["signed in", "refused"])
async def test_a_closed_connection_gives_its_memory_back(
    certificate: Certificate, unswept: None, tls: TlsMode, wrong: bool
) -> None:
    server = SandboxServer(tls=tls, certificate=(str(certificate.certificate), str(certificate.key)))
    async with serving(server) as bed:
        settings = bed.settings(tls=tls, ca_file=str(certificate.ca))
        if wrong:
            settings = replace(settings, password=Secret("another"))
        before = ours()
        for _ in range(TIMES):
            await _come_and_go(SignIn(settings, 5.0))
        assert ours() - before < TIMES / 4


async def _come_and_go(sign_in: SignIn) -> None:
    try:
        link = await sign_in.link()
    except UpstreamError:
        return
    await link.log_out()
    await link.close()
