"""A small certificate authority for one house: devices that know no modern roots import it once."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bridge.model.peer import PRIVATE
from bridge.net.errors import NetError

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Address = IPv4Address | IPv6Address

RSA_BITS = 2048
"""What every device takes that takes more than 1024, and what RFC 9325 §4.5 asks for."""

LAST_DAY = datetime(2037, 12, 31, tzinfo=UTC)
"""A device that counts seconds in 32 bits takes a later day for one long past."""

YEARS = timedelta(days=20 * 365)

LEAF_DAYS = 825
"""Apple's devices take no certificate for longer, though it is from an authority that was imported."""

BACKDATED = timedelta(days=1)
"""Old devices' clocks are often slow."""

HOUSE_DOMAINS = ("home.arpa", "internal", "lan", "local", "localhost")
"""Domains that nobody on the Internet has: those kept for houses, and what routers make up."""

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


class CertificateError(NetError):
    """A certificate cannot be made, or its authority cannot be used."""


@dataclass(frozen=True, slots=True)
class Names:
    """What a certificate is for; `first` is what it was asked for first, as devices without more look at."""

    hosts: tuple[str, ...]
    addresses: tuple[Address, ...]
    first: str


def read_names(texts: Sequence[str]) -> Names:
    """Tell host names from addresses; there is at least one. Raises `CertificateError` for what is neither."""
    read = list(dict.fromkeys(map(_name, texts)))
    hosts = tuple(name for name in read if isinstance(name, str))
    return Names(hosts, tuple(name for name in read if not isinstance(name, str)), str(read[0]))


def _name(text: str) -> str | Address:
    try:
        return ip_address(text.strip("[]"))
    except ValueError:
        return _host(text)


def _host(text: str) -> str:
    try:
        name = text.removesuffix(".").lower().encode("idna").decode("ascii")
    except UnicodeError:
        name = ""
    if not name or len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise CertificateError(f"{text!r} is neither a host name nor an address")
    return name


class Authority:
    """One authority: its certificate and its key."""

    def __init__(self, certificate: x509.Certificate, key: rsa.RSAPrivateKey) -> None:
        self.certificate = certificate
        self._key = key

    @classmethod
    def make(cls, names: Names, now: float, *, any_name: bool = False) -> "Authority":
        """Make one, which may vouch for these names, for those of a house, and for private addresses; or for any."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
        begins = datetime.fromtimestamp(now, UTC)
        ends = min(begins + YEARS, LAST_DAY) if begins + timedelta(days=LEAF_DAYS) < LAST_DAY else begins + YEARS
        name = _subject(f"{names.first} CA")
        builder = _builder(name, name, key, begins - BACKDATED, ends)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        if not any_name:
            # RFC 5280 §4.2.1.10 has it critical: then devices that do not know it, old ones, would refuse all.
            builder = builder.add_extension(_constraints(names), critical=False)
        return cls(builder.sign(key, hashes.SHA256()), key)

    @classmethod
    def read(cls, certificate: bytes, key: bytes) -> "Authority":
        """Read one from PEM. Raises `CertificateError`."""
        try:
            found = x509.load_pem_x509_certificate(certificate)
            loaded = serialization.load_pem_private_key(key, None)
        except (ValueError, TypeError) as failure:
            raise CertificateError("the authority's files cannot be read") from failure
        # It is RSA, as `make` made it.
        if isinstance(loaded, rsa.RSAPrivateKey) and loaded.public_key() == found.public_key():
            return cls(found, loaded)
        raise CertificateError("the authority's key is not its certificate's")

    @property
    def ends(self) -> float:
        """When it ends, in Unix seconds."""
        return self.certificate.not_valid_after_utc.timestamp()

    def certificate_pem(self) -> bytes:
        """Give the certificate as most programs import it."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def certificate_der(self) -> bytes:
        """Give the certificate as the others do: Windows, Java, many devices."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def key_pem(self) -> bytes:
        """Give the key, without a passphrase."""
        return _key_pem(self._key)

    def made(self, certificate: bytes) -> bool:
        """Tell whether it made this certificate, in PEM."""
        try:
            x509.load_pem_x509_certificate(certificate).verify_directly_issued_by(self.certificate)
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True

    @property
    def bound(self) -> bool:
        """True for one that may vouch for some names alone."""
        return bool(self._permitted())

    def _permitted(self) -> Sequence[x509.GeneralName]:
        try:
            constraints = self.certificate.extensions.get_extension_for_class(x509.NameConstraints).value
        except x509.ExtensionNotFound:
            return ()
        return constraints.permitted_subtrees or ()

    def lacking(self, names: Names) -> list[str]:
        """Give those names that it may not vouch for."""
        if not self.bound:
            return []
        subtrees = self._permitted()
        domains = [each.value for each in subtrees if isinstance(each, x509.DNSName)]
        networks = [each.value for each in subtrees if isinstance(each, x509.IPAddress)]
        hosts = [host for host in names.hosts if not any(f".{host}".endswith(f".{domain}") for domain in domains)]
        return hosts + [str(each) for each in names.addresses if not _in_any(each, networks)]

    def issue(self, names: Names, now: float, days: int, *, elliptic: bool = False) -> tuple[bytes, bytes]:
        """Make a server's certificate and its key, both in PEM. It ends after so many days, or with the authority."""
        key: Key
        if elliptic:
            key = ec.generate_private_key(ec.SECP256R1())
        else:
            key = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
        begins = datetime.fromtimestamp(now, UTC)
        # Apple counts from the beginning, which is a day back.
        ends = begins + timedelta(days=days) - (BACKDATED if days == LEAF_DAYS else timedelta())
        ends = min(ends, self.certificate.not_valid_after_utc)
        builder = _builder(_subject(names.first), self.certificate.subject, key, begins - BACKDATED, ends)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        # A key that is sent under RSA needs the second; an EC key cannot do that.
        usage = _usage(digital_signature=True, key_encipherment=not elliptic)
        builder = builder.add_extension(usage, critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        builder = builder.add_extension(
            x509.SubjectAlternativeName(
                [*map(x509.DNSName, names.hosts), *(x509.IPAddress(address) for address in names.addresses)]
            ),
            critical=False,
        )
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(issuer, critical=False)
        made = builder.sign(self._key, hashes.SHA256())
        return made.public_bytes(serialization.Encoding.PEM), _key_pem(key)


def fingerprint(certificate: bytes, algorithm: str) -> str:
    """Give the fingerprint of a certificate in PEM, as devices show it; `algorithm` is `sha256` or `sha1`."""
    hashed = hashes.SHA256() if algorithm == "sha256" else hashes.SHA1()  # noqa: S303 - a name, as old devices show it
    return x509.load_pem_x509_certificate(certificate).fingerprint(hashed).hex(":").upper()


def _subject(common_name: str) -> x509.Name:
    # A common name has 64 characters at most (RFC 5280 Appendix A.1); what is longer stands in full among the names.
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "popbridge"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name[-64:]),
        ]
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Key, begins: datetime, ends: datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number(), begins, ends)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _usage(
    *,
    digital_signature: bool = False,
    key_encipherment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _constraints(names: Names) -> x509.NameConstraints:
    # OpenSSL takes an address that stands as the common name for a host name.
    domains = dict.fromkeys((*names.hosts, *map(str, names.addresses), *HOUSE_DOMAINS))
    networks = dict.fromkeys((*PRIVATE, *(ip_network(address) for address in names.addresses)))
    return x509.NameConstraints([*map(x509.DNSName, domains), *map(x509.IPAddress, networks)], None)


def _in_any(address: Address, networks: Iterable[object]) -> bool:
    return any(isinstance(each, IPv4Network | IPv6Network) and address in each for each in networks)


def _key_pem(key: Key) -> bytes:
    # The form that the oldest programs read, too.
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
