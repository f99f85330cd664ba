"""TLS contexts."""

import ssl
from pathlib import Path

from bridge.model.settings import ListenerSettings
from bridge.net.errors import NetError


class ServerTls:
    """A listener's context, swapped for new connections when certificates change."""

    def __init__(self, settings: ListenerSettings) -> None:
        self._settings = settings
        self.context = _server_context(settings)

    def reload(self) -> None:
        """Read the certificates again. Raises `NetError` and keeps the old ones when they cannot be read."""
        self.context = _server_context(self._settings)


def _server_context(settings: ListenerSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for certificate, key in settings.certificates:
        try:
            context.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as failure:
            raise NetError(f"the certificate {certificate} with key {key} cannot be used: {failure}") from failure
    return context


def client_context(ca_file: str) -> ssl.SSLContext:
    """Give a context that verifies certificate and host name, against `ca_file` or the system's roots."""
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as failure:
        raise NetError(f"the CA file {Path(ca_file)} cannot be used: {failure}") from failure
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
