"""Looking at our own certificates as a client would, before any client does."""

import ssl
import time
from collections.abc import Mapping, Sequence

from bridge.net.errors import NetError
from bridge.net.tls import Pair, load_pair

SOON = 14 * 86_400
"""Seconds before its end from which on a certificate is worth a word: automatic renewal acts at 30 days."""


def check_certificates(certificates: Sequence[Pair], now: float | None = None) -> list[str]:
    """Give a sentence for each certificate that cannot be read, does not fit its key, or has ended or soon will.

    Reads files, makes no connection. `now` is in Unix seconds.
    """
    found: list[str] = []
    for certificate, key in certificates:
        try:
            found += _look(certificate, key, time.time() if now is None else now)
        except NetError as failure:
            found.append(str(failure))
    return found


def _look(certificate: str, key: str, now: float) -> list[str]:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_pair(server, certificate, key)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    # The certificate vouches for itself: what is left to find wrong is its dates.
    client.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    client.load_verify_locations(certificate)
    try:
        shown = _handshake(server, client)
    except ssl.SSLCertVerificationError as failure:
        return [f"the certificate {certificate} would not be accepted: {failure.verify_message}"]
    ends = str(shown.get("notAfter", ""))
    if ends and ssl.cert_time_to_seconds(ends) < now + SOON:
        return [f"the certificate {certificate} ends on {ends}"]
    return []


def _handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> Mapping[str, object]:
    """Let the two shake hands in memory, and give what the client was shown."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(up, down, server_side=True)
    theirs = client.wrap_bio(down, up)
    for _ in range(8):  # TLS 1.2 takes four turns
        done = True
        for side in (theirs, ours):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                done = False
        if done:
            break
    return theirs.getpeercert() or {}
