"""TLS contexts: what is shown to whom, and what happens when certificates change."""

import base64
import os
import re
import ssl
import sys
from pathlib import Path

import pytest
import trio
import trustme

from bridge.model.settings import ListenerSettings
from bridge.net import NetError, ServerTls, client_context, server_context
from bridge.net.tls import DH_GROUP
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


def ciphers(context: ssl.SSLContext) -> list[str]:
    return [str(cipher["name"]) for cipher in context.get_ciphers()]


def test_modern_keeps_what_is_sent_secret_for_good(tmp_path: Path, authority: trustme.CA) -> None:
    """Whatever the system's Python takes by itself: no key under RSA, no DHE, no CBC."""
    found = ciphers(server_context([write_pair(tmp_path, "a", authority.issue_cert("localhost"))]))
    assert [name for name in found if not re.fullmatch(r"(TLS|ECDHE)[-_].*(GCM|CHACHA20).*", name)] == []
    assert {"ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"} <= set(found)


def test_legacy_encrypts_and_proves_who_it_is_with_every_cipher(tmp_path: Path, authority: trustme.CA) -> None:
    pair = write_pair(tmp_path, "a", authority.issue_cert("localhost", key_type=trustme.KeyType.RSA))
    found = ciphers(server_context([pair], "legacy"))
    assert {"AES128-SHA", "DHE-RSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA"} <= set(found)
    assert [name for name in found if re.search("NULL|ADH|AECDH|PSK|SRP|DSS|RC4|DES|EXP|CCM", name)] == []
    # Java up to 7 offers DHE beside RSA, and breaks off at 2048 bits.
    assert found.index("AES128-SHA") < found.index("DHE-RSA-AES256-SHA")


def test_the_group_is_rfc_7919s() -> None:
    """Appendix A.1 says how it came about: p = 2^2048 - 2^1984 + {[2^1918 * e] + 560316} * 2^64 - 1, g = 2."""
    term = total = 1 << 2200  # e as the sum of 1/n!, with more digits than are asked for
    for n in range(1, 400):
        term //= n
        total += term
    prime = 2**2048 - 2**1984 + ((total >> (2200 - 1918)) + 560316) * 2**64 - 1
    # PKCS #3's DHParameter in DER: a sequence of two integers.
    der = bytes.fromhex("30820108 02820101 00") + prime.to_bytes(256, "big") + bytes.fromhex("020102")
    assert base64.b64decode("".join(DH_GROUP.read_text().splitlines()[1:-1])) == der


async def test_new_connections_see_the_new_certificate(tmp_path: Path, authority: trustme.CA) -> None:
    pair = write_pair(tmp_path, "a", authority.issue_cert("localhost"))
    tls = ServerTls(ListenerSettings(tls="implicit", certificates=(pair,)))
    before = await shown(tls.context, trusting(authority))
    write_pair(tmp_path, "a", authority.issue_cert("localhost"))
    assert await shown(tls.context, trusting(authority)) == before
    tls.prepare(ListenerSettings(tls="implicit", certificates=(pair,)))()
    assert await shown(tls.context, trusting(authority)) == as_der(pair[0]) != before


async def test_certificates_that_cannot_be_used_change_nothing(tmp_path: Path, authority: trustme.CA) -> None:
    pair = write_pair(tmp_path, "a", authority.issue_cert("localhost"))
    tls = ServerTls(ListenerSettings(tls="implicit", certificates=(pair,)))
    before = await shown(tls.context, trusting(authority))
    await trio.Path(pair[0]).write_text("")
    with pytest.raises(NetError):
        tls.prepare(ListenerSettings(tls="implicit", certificates=(pair,)))()
    assert await shown(tls.context, trusting(authority)) == before
    other = write_pair(tmp_path, "b", authority.issue_cert("localhost"))
    show = tls.prepare(ListenerSettings(tls="implicit", certificates=(other,)))
    assert await shown(tls.context, trusting(authority)) == before
    show()
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


SHAKE_HANDS = """
import ssl, sys
from bridge.net import server_context
server, client = server_context([tuple(sys.argv[1:3])], "legacy"), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
client.minimum_version = client.maximum_version = ssl.TLSVersion.TLSv1
client.set_ciphers("AES128-SHA:@SECLEVEL=0")
up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
ours, theirs = server.wrap_bio(up, down, server_side=True), client.wrap_bio(down, up)
for side in (theirs, ours) * 4:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        pass
print(ours.version(), ours.cipher()[0])
"""

STRICT = """
openssl_conf = all
[all]
ssl_conf = tls
[tls]
system_default = strict
[strict]
MinProtocol = TLSv1.2
CipherString = DEFAULT@SECLEVEL=2
"""


async def test_what_the_system_forbids_does_not_bind_a_legacy_listener(tmp_path: Path, authority: trustme.CA) -> None:
    """Debian, Fedora and others forbid the old versions in openssl.cnf, for programs that do not say what they want."""
    pair = write_pair(tmp_path, "a", authority.issue_cert("localhost", key_type=trustme.KeyType.RSA))
    conf = tmp_path / "openssl.cnf"
    conf.write_text(STRICT)
    command = [sys.executable, "-W", "ignore", "-c", SHAKE_HANDS, *pair]
    done = await trio.run_process(command, capture_stdout=True, env={**os.environ, "OPENSSL_CONF": str(conf)})
    assert done.stdout == b"TLSv1 AES128-SHA\n"


@pytest.mark.parametrize("kinds", [(trustme.KeyType.ECDSA, trustme.KeyType.RSA), tuple(CIPHERS)[::-1]])
def test_a_key_of_the_other_kind_is_found_beside_a_right_pair(
    tmp_path: Path, authority: trustme.CA, kinds: tuple[trustme.KeyType, ...]
) -> None:
    """OpenSSL would keep the other certificate's key, and never show this one."""
    one, two = (write_pair(tmp_path, kind.name, authority.issue_cert("localhost", key_type=kind)) for kind in kinds)
    with pytest.raises(NetError, match="the key is not the certificate's"):
        server_context([one, (two[0], one[1])])
