"""TLS contexts, ours and those we trust."""

import functools
import ssl
from collections.abc import Sequence
from pathlib import Path

from bridge.model.settings import ListenerSettings
from bridge.net.errors import NetError

Pair = tuple[str, str]


class ServerTls:
    """A listener's context, swapped for new connections when certificates change."""

    def __init__(self, settings: ListenerSettings) -> None:
        self._settings = settings
        self.context = server_context(settings.certificates)

    def reload(self, settings: ListenerSettings | None = None) -> None:
        """Read the certificates again, from new paths if `settings` are given.

        Raises `NetError` and keeps the old ones when they cannot be read. Connections that exist keep theirs.
        """
        fresh = settings or self._settings
        self.context = server_context(fresh.certificates)
        self._settings = fresh


def server_context(certificates: Sequence[Pair]) -> ssl.SSLContext:
    """Give a context for TLS 1.2 and later that shows each client the certificate it can use (RSA, EC).

    `certificates` pairs certificate chains with keys. Reads files. Raises `NetError` naming the pair at fault.
    """
    if not certificates:
        raise NetError("TLS needs a certificate")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    # A device may end its half without close_notify and still wait for replies: not an attack, since POP3 says
    # itself where things end.
    context.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
    for certificate, key in certificates:
        load_pair(context, certificate, key)
    return context


def load_pair(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Add a certificate chain and its key. Never asks for a passphrase. Raises `NetError` naming the files."""
    try:
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as failure:
        raise NetError(f"the certificate {certificate} with key {key} cannot be used: {_why(failure)}") from failure


def _why(failure: OSError | ValueError) -> str:
    if isinstance(failure, ssl.SSLError):
        if failure.reason == "KEY_VALUES_MISMATCH":
            return "the key is not the certificate's"
        if failure.reason is None:
            return "they are no PEM files, or the key is behind a passphrase"
        return failure.reason.lower().replace("_", " ")
    return (isinstance(failure, OSError) and failure.strerror) or str(failure)


def client_context(ca_file: str) -> ssl.SSLContext:
    """Give a context that verifies certificate and host name, against `ca_file` or the system's roots if empty.

    Contexts are kept until the file changes: reading the system's roots takes tens of milliseconds. Raises
    `NetError` naming a file that cannot be used.
    """
    try:
        return _client_context(ca_file, Path(ca_file).stat().st_mtime_ns if ca_file else 0)
    except (OSError, ValueError) as failure:
        raise NetError(f"the CA file {ca_file} cannot be used: {_why(failure)}") from failure


@functools.lru_cache(maxsize=32)
def _client_context(ca_file: str, changed: int) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
