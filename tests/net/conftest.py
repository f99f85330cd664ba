"""What tests of streams share: the log and certificates."""

import io
import ssl
from collections.abc import Iterator

import pytest
import trustme

from bridge.net import server_context
from bridge.telemetry import configure
from tests.support.certificates import Certificate, make_certificate


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Give what is logged during the test."""
    out = io.StringIO()
    configure("console", "debug", out)
    yield out
    configure()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Give a certificate for localhost and 127.0.0.1."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def server_side(certificate: Certificate) -> ssl.SSLContext:
    """Give a listener's context."""
    return server_context([(str(certificate.certificate), str(certificate.key))])


@pytest.fixture
def client_side(certificate: Certificate) -> ssl.SSLContext:
    """Give a device's context, which insists on close_notify."""
    return ssl.create_default_context(cafile=str(certificate.ca))


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Give an authority that makes certificates of any kind."""
    return trustme.CA()
