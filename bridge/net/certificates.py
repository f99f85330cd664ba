"""Our own certificates, looked at as devices will."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from bridge.model.settings import ListenerSettings
from bridge.net.errors import NetError

SOON = 14 * 86_400.0
"""Seconds before its end from which on a certificate is worth a word: automatic renewal acts at 30 days."""

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class ShownCertificate:
    """A certificate that devices are shown: its file, its kind of key (`RSA 2048`, `EC secp256r1`), the names and
    addresses it is for, and from when to when it holds, in Unix seconds."""

    file: str
    kind: str
    names: tuple[str, ...]
    begins: float
    ends: float

    def problem(self, now: float) -> str:
        """Say what a device will find wrong with its dates, or soon will; empty for nothing."""
        if now < self.begins:
            return f"the certificate {self.file} holds only from {_day(self.begins)} on"
        if now >= self.ends:
            return f"the certificate {self.file} ended on {_day(self.ends)}: devices do not accept it any more"
        if now + SOON >= self.ends:
            days = int((self.ends - now) / DAY)
            return f"the certificate {self.file} ends on {_day(self.ends)}, in {days} {'day' if days == 1 else 'days'}"
        return ""


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def shown_certificates(listener: ListenerSettings) -> list[ShownCertificate]:
    """Read a listener's certificates, the first of each file. Raises `NetError` naming one that cannot be read."""
    return [read_certificate(certificate) for certificate, _ in listener.certificates]


def read_certificate(file: str) -> ShownCertificate:
    """Read the first certificate of a PEM file. Raises `NetError` naming it."""
    try:
        return _shown(file, x509.load_pem_x509_certificates(Path(file).read_bytes())[0])
    except OSError as failure:
        raise NetError(f"the certificate {file} cannot be read: {failure.strerror}") from failure
    except ValueError as failure:
        raise NetError(f"the certificate {file} cannot be read: it is no PEM file, or not a whole one") from failure


def _shown(file: str, found: x509.Certificate) -> ShownCertificate:
    begins, ends = found.not_valid_before_utc.timestamp(), found.not_valid_after_utc.timestamp()
    return ShownCertificate(file, _kind(found.public_key()), _names(found), begins, ends)


def _kind(key: CertificatePublicKeyTypes) -> str:
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}"
    return type(key).__name__.removesuffix("PublicKey")


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    hosts: Sequence[str] = names.get_values_for_type(x509.DNSName)
    return (*hosts, *map(str, names.get_values_for_type(x509.IPAddress)))
