"""TLS contexts, ours and those we trust."""

import functools
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path

from bridge.model.settings import ListenerSettings, TlsProfile
from bridge.net.errors import NetError

Pair = tuple[str, str]

MODERN = "ECDHE+AESGCM:ECDHE+CHACHA20:@SECLEVEL=2"
"""What a device with TLS 1.2 may use: keys that nobody finds out later, and no CBC (RFC 9325 §4.2). TLS 1.3 has its
own. It is said, since what Python takes by itself differs from one distribution to the next.
"""

LEGACY = (
    "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:kRSA+AES:DHE+AES:DHE+CHACHA20"
    ":!AESCCM:!aNULL:!eNULL:!PSK:!SRP:!DSS:@SECLEVEL=0"
)
"""What an old one may use besides: CBC with SHA-1, and keys sent under RSA. These go before DHE: Java up to 7 offers it
and fails at a group of 2048 bits, and a slow processor takes a second for that. So DHE is for who knows nothing else.
RFC 8996 says why none of this is there by default.
"""

DH_GROUP = Path(__file__).with_name("ffdhe2048.pem")
"""The group of RFC 7919, Appendix A.1."""


class ServerTls:
    """A listener's context, swapped for new connections when certificates change."""

    def __init__(self, settings: ListenerSettings) -> None:
        self.context = server_context(settings.certificates, settings.tls_profile)

    def prepare(self, settings: ListenerSettings) -> Callable[[], None]:
        """Read the certificates that `settings` name, and give what puts them in place.

        Raises `NetError` when they cannot be read. Until it is called the old ones are shown. Connections that exist
        keep theirs.
        """
        fresh = server_context(settings.certificates, settings.tls_profile)

        def replace() -> None:
            self.context = fresh

        return replace


def server_context(certificates: Sequence[Pair], profile: TlsProfile = "modern") -> ssl.SSLContext:
    """Give a context that shows each client the certificate it can use (RSA, EC).

    `modern` is for TLS 1.2 and later, `legacy` for 1.0 and later with old ciphers. What the system's openssl.cnf says
    of versions and ciphers does not count. `certificates` pairs certificate chains with keys. Reads files. Raises
    `NetError` naming the pair at fault.
    """
    if not certificates:
        raise NetError("TLS needs a certificate")
    context = _legacy() if profile == "legacy" else _modern()
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    # A device may end its half without close_notify and still wait for replies: not an attack, since POP3 says
    # itself where things end.
    context.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
    for certificate, key in certificates:
        load_pair(context, certificate, key)
    return context


def _modern() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(MODERN)
    return context


def _legacy() -> ssl.SSLContext:
    if not ssl.HAS_TLSv1:
        raise NetError(f'tls_profile = "legacy" cannot be had here: {ssl.OPENSSL_VERSION} was built without TLS 1.0')
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Python keeps SSLv3 off by itself, where OpenSSL has it at all.
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers(LEGACY)
    context.load_dh_params(str(DH_GROUP))
    return context


def load_pair(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Add a certificate chain and its key. Never asks for a passphrase. Raises `NetError` naming the files."""
    # In a context that has an RSA certificate already, an RSA key would pass beside an EC certificate, too.
    alone = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    alone.set_ciphers("ALL:@SECLEVEL=0")
    try:
        for each in (alone, context):
            each.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as failure:
        raise NetError(f"the certificate {certificate} with key {key} cannot be used: {_why(failure)}") from failure


def _why(failure: OSError | ValueError) -> str:
    if isinstance(failure, ssl.SSLError):
        if failure.reason in {"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED"}:
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
