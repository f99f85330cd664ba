"""Why TLS and connecting failed, in words an admin can act on."""

import errno
import os
import socket
import ssl
from collections.abc import Mapping

CLOSED = "the other side closed the connection"

_TLS: Mapping[str, str] = {
    "WRONG_VERSION_NUMBER": "the other side does not speak TLS here",
    "PACKET_LENGTH_TOO_LONG": "the other side does not speak TLS here",
    "RECORD_LAYER_FAILURE": "the other side does not speak TLS here",
    "HTTP_REQUEST": "the other side speaks HTTP",
    "UNSUPPORTED_PROTOCOL": "the other side knows only TLS versions that are too old",
    "TLSV1_ALERT_PROTOCOL_VERSION": "the two sides have no TLS version in common",
    "NO_SHARED_CIPHER": "the two sides have no cipher in common",
    "TLSV1_ALERT_UNKNOWN_CA": "the other side does not trust our certificate's authority",
    "SSLV3_ALERT_BAD_CERTIFICATE": "the other side does not accept our certificate",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "the other side does not accept our certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "the other side finds our certificate expired",
    "UNEXPECTED_EOF_WHILE_READING": CLOSED,
}
"""OpenSSL's reasons, as far as they come up between devices, popbridge and mail servers."""


def reason(failure: BaseException) -> str:
    """Say in a few words why a handshake failed."""
    cause = failure.__cause__ or failure
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({cause.verify_message})"
    if isinstance(cause, ssl.SSLError) and cause.reason:
        return _TLS.get(cause.reason, cause.reason.lower().replace("_", " "))
    return CLOSED


def distrust(failure: BaseException) -> ssl.SSLCertVerificationError | None:
    """Find out whether a certificate was the reason: its error, or None."""
    at: BaseException | None = failure
    while at is not None:
        if isinstance(at, ssl.SSLCertVerificationError):
            return at
        at = at.__cause__
    return None


_DIAL: Mapping[int, str] = {
    errno.ECONNREFUSED: "nobody listens there: check host and port",
    errno.ENETUNREACH: "there is no way to its network: check this machine's network",
    errno.EHOSTUNREACH: "there is no way to it: check the network between here and there",
}


def why_not_connected(failure: OSError | ValueError) -> str:
    """Say in a few words why no connection came about. Trio puts the single attempts into `__cause__`."""
    if isinstance(failure, socket.gaierror | ValueError):
        return "the name is not known: check host, and this machine's name server"
    cause = failure.__cause__
    attempts = cause.exceptions if isinstance(cause, BaseExceptionGroup) else (cause or failure,)
    codes = dict.fromkeys(one.errno or failure.errno for one in attempts if isinstance(one, OSError))
    words = [_DIAL.get(code, os.strerror(code).lower()) for code in codes if code is not None]
    return "; ".join(words) or str(failure)


def why_no_answer(failure: BaseException) -> tuple[bool, str]:
    """Say in a few words why another library's connection failed, and whether a certificate was not the reason.

    Such libraries raise failures of their own; what came before them is their cause, or their context.
    """
    at: BaseException | None = failure
    first = failure
    while at is not None:
        if isinstance(at, ssl.SSLError):
            return not isinstance(at, ssl.SSLCertVerificationError), reason(at)
        if isinstance(at, OSError):
            return True, why_not_connected(at)
        first, at = at, at.__cause__ or at.__context__
    return True, reason(first)
