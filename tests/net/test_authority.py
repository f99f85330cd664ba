"""A small authority: what it may vouch for, and what its certificates are like."""

import datetime
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from bridge.net.authority import LAST_DAY, LEAF_DAYS, Authority, CertificateError, fingerprint, read_names
from bridge.net.certificates import DAY, read_certificate
from tests.support.openssl import needs_openssl

NOW = 1_800_000_000.0


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.make(read_names(["mail.example.org", "192.168.1.5", "203.0.113.7"]), NOW)


def test_names_are_told_from_addresses() -> None:
    names = read_names(
        ["Mail.Example.ORG.", "192.168.1.5", "[2001:db8::1]", "müller.example", "mail.example.org", "fax"]
    )
    assert names.hosts == ("mail.example.org", "xn--mller-kva.example", "fax")
    assert [str(each) for each in names.addresses] == ["192.168.1.5", "2001:db8::1"]
    assert names.first == "mail.example.org"
    assert read_names(["10.0.0.1", "fax"]).first == "10.0.0.1"


@pytest.mark.parametrize("name", ["", "*.example.org", "two words", "a..b", "-a.example", "x" * 64, "https://a", "a/b"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(CertificateError, match="neither a host name nor an address"):
        read_names([name])


def test_an_authority_is_one_that_old_devices_take(authority: Authority) -> None:
    made = authority.certificate
    key = made.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    assert key.key_size == 2048
    assert made.signature_hash_algorithm is not None
    assert made.signature_hash_algorithm.name == "sha256"
    # A device that counts in 32 bits takes anything later for long past.
    assert made.not_valid_after_utc == LAST_DAY < datetime.datetime.fromtimestamp(2**31 - 1, datetime.UTC)
    constraints = made.extensions.get_extension_for_class(x509.NameConstraints)
    assert not constraints.critical  # devices that do not know it would refuse all
    assert [each.oid._name for each in made.extensions if each.critical] == ["basicConstraints", "keyUsage"]


def test_it_vouches_for_its_house_and_for_nobody_else(authority: Authority) -> None:
    assert authority.bound
    fine = [
        "mail.example.org",
        "pop.mail.example.org",
        "nas.lan",
        "fax.home.arpa",
        "10.1.2.3",
        "fd00::1",
        "203.0.113.7",
    ]
    assert authority.lacking(read_names(fine)) == []
    others = ["example.org", "xmail.example.org", "bank.example", "203.0.113.8", "2001:db8::1", "lan.example"]
    assert authority.lacking(read_names(others)) == [name for name in others if name[0].isalpha()] + [
        name for name in others if not name[0].isalpha()
    ]
    unbound = Authority.make(read_names(["a.example"]), NOW, any_name=True)
    assert not unbound.bound
    assert unbound.lacking(read_names(others)) == []


@pytest.mark.parametrize("elliptic", [False, True])
def test_a_servers_certificate(authority: Authority, tmp_path: Path, elliptic: bool) -> None:
    names = read_names(["mail.example.org", "192.168.1.5"])
    pem, key = authority.issue(names, NOW, LEAF_DAYS, elliptic=elliptic)
    file = tmp_path / "tls.crt"
    file.write_bytes(pem)
    shown = read_certificate(str(file))
    assert shown.names == ("mail.example.org", "192.168.1.5")
    assert shown.kind == ("EC secp256r1" if elliptic else "RSA 2048")
    assert shown.ends - shown.begins == LEAF_DAYS * DAY
    assert shown.begins < NOW  # an old device's clock is often slow
    assert authority.made(pem)
    made = x509.load_pem_x509_certificate(pem)
    usage = made.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_encipherment) == (True, not elliptic)
    assert isinstance(made.public_key(), ec.EllipticCurvePublicKey if elliptic else rsa.RSAPublicKey)
    assert b"PRIVATE KEY" in key
    assert not Authority.make(names, NOW).made(pem)


def test_a_certificate_holds_for_the_days_that_were_asked_for(authority: Authority) -> None:
    pem, _ = authority.issue(read_names(["nas.lan"]), NOW, 1)
    assert x509.load_pem_x509_certificate(pem).not_valid_after_utc.timestamp() == NOW + DAY


def test_no_certificate_outlives_its_authority(authority: Authority) -> None:
    pem, _ = authority.issue(read_names(["nas.lan"]), NOW, 36_500)
    assert x509.load_pem_x509_certificate(pem).not_valid_after_utc == LAST_DAY


def test_an_authority_is_read_as_it_was_written(authority: Authority) -> None:
    again = Authority.read(authority.certificate_pem(), authority.key_pem())
    assert again.certificate == authority.certificate == x509.load_der_x509_certificate(authority.certificate_der())
    assert again.made(authority.issue(read_names(["nas.lan"]), NOW, 9)[0])
    assert len(fingerprint(authority.certificate_pem(), "sha256")) == 95
    other = Authority.make(read_names(["nas.lan"]), NOW)
    with pytest.raises(CertificateError, match="the authority's key is not its certificate's"):
        Authority.read(authority.certificate_pem(), other.key_pem())
    with pytest.raises(CertificateError, match="cannot be read"):
        Authority.read(b"", authority.key_pem())


def test_dates_are_told_before_a_device_finds_out(authority: Authority, tmp_path: Path) -> None:
    file = tmp_path / "tls.crt"
    file.write_bytes(authority.issue(read_names(["nas.lan"]), NOW, 99)[0])
    shown = read_certificate(str(file))
    assert shown.problem(NOW) == ""
    assert shown.problem(shown.ends - 14.5 * DAY) == ""
    assert shown.problem(shown.ends - 1.5 * DAY).endswith("tls.crt ends on 2027-04-24, in 1 day")
    assert shown.problem(shown.ends - 13.5 * DAY).endswith("in 13 days")
    assert "ended on 2027-04-24: devices do not accept it" in shown.problem(shown.ends)
    assert "holds only from 2027-01-14 on" in shown.problem(shown.begins - 1)


@needs_openssl
def test_openssl_believes_nothing_that_it_may_not_vouch_for(authority: Authority, tmp_path: Path) -> None:
    """Somebody has the authority's key and makes what they like with it."""
    trusted = tmp_path / "ca.crt"
    trusted.write_bytes(authority.certificate_pem())
    told = {}
    for number, names in enumerate((["nas.lan", "10.0.0.1"], ["192.168.1.5"], ["bank.example"], ["198.51.100.1"])):
        file = tmp_path / f"{number}.crt"
        file.write_bytes(authority.issue(read_names(names), NOW, 100)[0])
        command = ["openssl", "verify", "-attime", str(int(NOW)), "-CAfile", str(trusted), str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        told[names[0]] = "OK" if done.returncode == 0 else done.stderr
    assert (told["nas.lan"], told["192.168.1.5"]) == ("OK", "OK")
    assert "permitted subtree violation" in told["bank.example"]
    assert "permitted subtree violation" in told["198.51.100.1"]
