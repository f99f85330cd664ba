"""Signed assertions: JSON Web Tokens that say who asks (RFC 7523)."""

import base64
import hashlib
import json
import uuid
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from bridge.model.oauth import OAuthSettings
from bridge.model.secret import Secret

LIFETIME = 300
"""Seconds that an assertion may be used: 5 to 10 minutes are what Microsoft advises, an hour is Google's most."""

EARLY = 30
"""Seconds by which our clock may be ahead of the server's."""

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class KeyUnusable(ValueError):
    """A key or certificate cannot sign; `str()` says why, and shows nothing of it."""


def client_assertion(settings: OAuthSettings, audience: str, now: float) -> Secret:
    """Say that a program is who it is, by its certificate's key (RFC 7523 §2.2 and §3). Raises `KeyUnusable`."""
    claims = {"iss": settings.client_id, "sub": settings.client_id}
    return _signed(settings, {**claims, "jti": str(uuid.uuid4())}, audience, now)


def user_assertion(settings: OAuthSettings, audience: str, now: float) -> Secret:
    """Say that a service account acts for a user (RFC 7523 §2.1 and §3). Raises `KeyUnusable`.

    The scope is Google's: RFC 7523 has it beside the assertion, where it is sent too.
    """
    claims = {"iss": settings.client_id, "sub": settings.subject or settings.client_id, "scope": settings.scope}
    return _signed(settings, claims, audience, now)


def key_problem(settings: OAuthSettings) -> str:
    """Say why key and certificate cannot sign, or nothing."""
    try:
        _header(settings, _key(settings.key))
    except KeyUnusable as wrong:
        return str(wrong)
    return ""


def _signed(settings: OAuthSettings, claims: dict[str, str], audience: str, now: float) -> Secret:
    key = _key(settings.key)
    times = {"iat": int(now) - EARLY, "nbf": int(now) - EARLY, "exp": int(now) + LIFETIME}
    text = f"{_json(_header(settings, key))}.{_json({**claims, **times, 'aud': audience})}"
    return Secret(f"{text}.{_base64(_signature(key, settings, text.encode()))}")


def _header(settings: OAuthSettings, key: Key) -> dict[str, str]:
    header = {"alg": _algorithm(key, settings), "typ": "JWT"}
    if settings.key_id:
        header["kid"] = settings.key_id
    if settings.certificate:
        header.update(_thumbprints(settings.certificate, key))
    return header


def _algorithm(key: Key, settings: OAuthSettings) -> str:
    """Microsoft asks for PS256; RS256 is what every server has (RFC 7523 §5)."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return "ES256"
    return "PS256" if settings.authority == "microsoft" else "RS256"


def _thumbprints(certificate: str, key: Key) -> dict[str, str]:
    """Name the certificate, as Microsoft wants to have it (RFC 7515 §4.1.7 and §4.1.8)."""
    try:
        found = x509.load_pem_x509_certificate(certificate.encode())
        same = found.public_key().public_bytes(*_PUBLIC) == key.public_key().public_bytes(*_PUBLIC)
    except (ValueError, UnsupportedAlgorithm):
        raise KeyUnusable("the certificate is no certificate in PEM") from None
    if not same:
        raise KeyUnusable("the key is not the certificate's")
    octets = found.public_bytes(serialization.Encoding.DER)
    # SHA-1 only names it here; nothing is signed by it.
    return {
        "x5t": _base64(hashlib.sha1(octets, usedforsecurity=False).digest()),
        "x5t#S256": _base64(hashlib.sha256(octets).digest()),
    }


_PUBLIC = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _key(pem: Secret) -> Key:
    try:
        key = serialization.load_pem_private_key(pem.reveal().encode(), None)
    except TypeError:
        raise KeyUnusable("the key is behind a passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise KeyUnusable("the key is no private key in PEM") from None
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048:  # RFC 7518 §3.3
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise KeyUnusable("the key is neither RSA of at least 2048 bits nor of the curve P-256")


def _signature(key: Key, settings: OAuthSettings, octets: bytes) -> bytes:
    """Sign (RFC 7518 §3.3 to §3.5)."""
    digest = hashes.SHA256()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = utils.decode_dss_signature(key.sign(octets, ec.ECDSA(digest)))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    if _algorithm(key, settings) == "PS256":
        return key.sign(octets, padding.PSS(padding.MGF1(digest), padding.PSS.DIGEST_LENGTH), digest)
    return key.sign(octets, padding.PKCS1v15(), digest)


def _json(value: dict[str, Any]) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")
