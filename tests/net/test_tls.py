"""TLS contexts: what is shown to whom, and what happens when certificates change."""

import datetime
import ssl
from pathlib import Path

import pytest
import trio
import trustme

from bridge.model.settings import ListenerSettings
from bridge.net import NetError, ServerTls, check_certificates, client_context, server_context
from tests.net.pairs import memory_pair, write_pair

CIPHERS = {trustme.KeyType.RSA: "ECDHE-RSA-AES128-GCM-SHA256", trustme.KeyType.ECDSA: "ECDHE-ECDSA-AES128-GCM-SHA256"}


async def shown(server: ssl.SSLContext, client: ssl.SSLContext) -> bytes:
    """Give the certificate that the server shows to that client."""
    async with memory_pair() as (ours, device):
        secure = trio.SSLStream(device, client, server_hostname="localhost")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ours.start_tls_server, server, 30)
            await secure.do_handshake()
        found = secure.getpeercert(binary_form=True)
        assert isinstance(found, bytes)
        return found


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context


def as_der(file: str) -> bytes:
    return ssl.PEM_cert_to_DER_cert(Path(file).read_text())


async def test_each_client_sees_the_kind_of_certificate_it_can_use(tmp_path: Path, authority: trustme.CA) -> None:
    pairs = {
        kind: write_pair(tmp_path, kind.name, authority.issue_cert("localhost", key_type=kind)) for kind in CIPHERS
    }
    server = server_context(list(pairs.values()))
    for kind, cipher in CIPHERS.items():
        client = trusting(authority)
        client.maximum_version = ssl.TLSVersion.TLSv1_2
        client.set_ciphers(cipher)
        assert await shown(server, client) == as_der(pairs[kind][0])


def test_old_versions_of_tls_are_not_spoken(tmp_path: Path, authority: trustme.CA) -> None:
    server = server_context([write_pair(tmp_path, "a", authority.issue_cert("localhost"))])
    assert server.minimum_version == ssl.TLSVersion.TLSv1_2
    assert client_context("").minimum_version == ssl.TLSVersion.TLSv1_2


async def test_new_connections_see_the_new_certificate(tmp_path: Path, authority: trustme.CA) -> None:
    pair = write_pair(tmp_path, "a", authority.issue_cert("localhost"))
    tls = ServerTls(ListenerSettings(tls="implicit", certificates=(pair,)))
    before = await shown(tls.context, trusting(authority))
    write_pair(tmp_path, "a", authority.issue_cert("localhost"))
    assert await shown(tls.context, trusting(authority)) == before
    tls.reload()
    assert await shown(tls.context, trusting(authority)) == as_der(pair[0]) != before


async def test_certificates_that_cannot_be_used_change_nothing(tmp_path: Path, authority: trustme.CA) -> None:
    pair = write_pair(tmp_path, "a", authority.issue_cert("localhost"))
    tls = ServerTls(ListenerSettings(tls="implicit", certificates=(pair,)))
    before = await shown(tls.context, trusting(authority))
    await trio.Path(pair[0]).write_text("")
    with pytest.raises(NetError):
        tls.reload()
    assert await shown(tls.context, trusting(authority)) == before
    other = write_pair(tmp_path, "b", authority.issue_cert("localhost"))
    tls.reload(ListenerSettings(tls="implicit", certificates=(other,)))
    assert await shown(tls.context, trusting(authority)) == as_der(other[0])


def passphrase(directory: Path, authority: trustme.CA) -> tuple[str, str]:
    """Write a certificate whose key asks for a passphrase."""
    from cryptography.hazmat.primitives import serialization

    certificate, key = write_pair(directory, "locked", authority.issue_cert("localhost"))
    loaded = serialization.load_pem_private_key(Path(key).read_bytes(), None)
    locked = serialization.BestAvailableEncryption(b"secret")
    form = serialization.PrivateFormat.TraditionalOpenSSL
    Path(key).write_bytes(loaded.private_bytes(serialization.Encoding.PEM, form, locked))
    return certificate, key


def test_a_certificate_that_cannot_be_used_is_told_with_its_reason(tmp_path: Path, authority: trustme.CA) -> None:
    one = write_pair(tmp_path, "one", authority.issue_cert("localhost"))
    two = write_pair(tmp_path, "two", authority.issue_cert("localhost"))
    with pytest.raises(NetError, match=r"one\.crt with key .*two\.key cannot be used: the key is not the certificate"):
        server_context([(one[0], two[1])])
    with pytest.raises(NetError, match="No such file"):
        server_context([one, (one[0], str(tmp_path / "gone"))])
    with pytest.raises(NetError, match=r"locked\.key cannot be used"):
        server_context([passphrase(tmp_path, authority)])
    with pytest.raises(NetError, match="needs a certificate"):
        server_context([])


def test_a_ca_file_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    with pytest.raises(NetError, match=r"gone\.pem cannot be used: No such file"):
        client_context(str(tmp_path / "gone.pem"))
    (tmp_path / "empty.pem").write_text("nothing")
    with pytest.raises(NetError, match=r"empty\.pem cannot be used"):
        client_context(str(tmp_path / "empty.pem"))


def test_a_changed_ca_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(trustme.CA().cert_pem.bytes())
    first = client_context(str(file))
    assert client_context(str(file)) is first
    file.write_bytes(trustme.CA().cert_pem.bytes() * 2)
    assert client_context(str(file)) is not first


def test_certificates_are_looked_at_before_a_client_does(tmp_path: Path, authority: trustme.CA) -> None:
    now = datetime.datetime.now(datetime.UTC)
    good = write_pair(tmp_path, "good", authority.issue_cert("localhost"))
    old = write_pair(tmp_path, "old", authority.issue_cert("localhost", not_after=now - datetime.timedelta(days=1)))
    soon = write_pair(tmp_path, "soon", authority.issue_cert("localhost", not_after=now + datetime.timedelta(days=9)))
    assert check_certificates([good]) == []
    problems = check_certificates([old, good, soon, (good[0], old[1])])
    assert [problem.split(".crt")[1].split(" on ")[0].split(" with ")[0] for problem in problems] == [
        " would not be accepted: certificate has expired",
        " ends",
        "",
    ]
    assert problems[2].endswith("the key is not the certificate's")
