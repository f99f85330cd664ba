"""The server's side of each mechanism: what the RFCs show, and what no device may send."""

from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model.secret import Secret
from bridge.sasl import (
    SERVERS,
    Challenge,
    DigestProof,
    Done,
    Password,
    SaltWanted,
    SaslError,
    ScramKeys,
    ScramProof,
    ScramServer,
    SignInAsOther,
    digest_proves,
    salted_password,
    scram_keys,
    scram_signature,
    timestamp,
)

SALT, ROUNDS, NONCE = bytes.fromhex("4125c247e43ab1e93c6dff76"), 4096, "3rfcNHYJY1ZVvWVs7j"
FIRST = b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL"
FINAL = b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
PENCIL = Secret("pencil")


def keys(password: Secret) -> ScramKeys:
    return scram_keys("SHA-1", salted_password("SHA-1", password, SALT, ROUNDS))


def begun() -> ScramServer:
    server = ScramServer("SHA-1")
    assert server.respond(FIRST) == SaltWanted("user", "SHA-1")
    server.salted(SALT, ROUNDS, NONCE)
    return server


def test_the_example_of_rfc_5802() -> None:
    server = ScramServer("SHA-1")
    assert server.first == Challenge(b"")
    assert server.respond(FIRST) == SaltWanted("user", "SHA-1")
    asked = server.salted(SALT, ROUNDS, NONCE)
    assert asked.octets == b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"
    proof = server.respond(FINAL)
    assert isinstance(proof, ScramProof)
    assert (proof.login, proof.way) == ("user", "scram-sha-1")
    assert scram_signature(proof, keys(Secret("pencils"))) is None
    signature = scram_signature(proof, keys(PENCIL))
    assert signature is not None
    assert server.proven(signature).octets == b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ="
    assert server.respond(b"") == Done()


def test_the_example_of_rfc_7677() -> None:
    server = ScramServer("SHA-256")
    assert server.respond(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO") == SaltWanted("user", "SHA-256")
    salt = b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    server.salted(salt, 4096, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")
    proof = server.respond(
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    )
    assert isinstance(proof, ScramProof)
    signature = scram_signature(proof, scram_keys("SHA-256", salted_password("SHA-256", PENCIL, salt, 4096)))
    assert signature is not None
    assert server.proven(signature).octets == b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


@pytest.mark.parametrize(
    ("first", "login"),
    [
        (b"y,,n=fax,r=x", "fax"),
        (b"n,a=fax,n=fax,r=x", "fax"),
        (b"n,,n=a=2Cb=3Dc,r=x", "a,b=c"),
        ("n,,n=fäx,r=x,q=more".encode(), "fäx"),
    ],
)
def test_who_may_begin_a_scram(first: bytes, login: str) -> None:
    assert ScramServer("SHA-256").respond(first) == SaltWanted(login, "SHA-256")


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"n",
        b"n,",
        b"n,,",
        b"n,,n=fax",
        b"n,,r=x,n=fax",
        b"n,,n=,r=x",
        b"n,,n=fax,r=",
        b"n,,m=ext,n=fax,r=x",
        b"n,,n=fax,r=x,m=ext",
        b"n,,n=f=40x,r=x",
        b"p=tls-unique,,n=fax,r=x",
        b"n,b=fax,n=fax,r=x",
        b"n,,n=fax,r=\xc3\xa4",
        b"n,,n=f\xe4x,r=x",
        b"n,,n=fax,r=x\0",
    ],
)
def test_who_may_not(first: bytes) -> None:
    with pytest.raises(SaslError):
        ScramServer("SHA-256").respond(first)


@pytest.mark.parametrize("first", [b"n,a=boss,n=fax,r=x", b"boss\0fax\0secret"])
def test_nobody_signs_in_as_somebody_else(first: bytes) -> None:
    server = SERVERS["PLAIN"](b"") if b"\0" in first else ScramServer("SHA-1")
    with pytest.raises(SignInAsOther):
        server.respond(first)


@pytest.mark.parametrize(
    "final",
    [
        b"",
        FINAL.replace(b"c=biws", b"c=eSws"),
        FINAL.replace(b"7j,p=", b"7k,p="),
        FINAL.replace(b",p=", b",m=ext,p="),
        FINAL.replace(b",p=", b",q="),
        FINAL.replace(b"c=biws,", b""),
        FINAL.replace(b"Ts=", b"T!="),
        b"p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
    ],
)
def test_no_proof_is_taken_for_another_exchange(final: bytes) -> None:
    with pytest.raises(SaslError):
        begun().respond(final)


@pytest.mark.parametrize("proof", [b"", b"AAAA", b"v0X8v3Bz2T0CJGbJQyF0X+HI4Tw="])
def test_a_wrong_proof_is_wrong(proof: bytes) -> None:
    found = begun().respond(FINAL.rpartition(b"p=")[0] + b"p=" + proof)
    assert isinstance(found, ScramProof)
    assert scram_signature(found, keys(PENCIL)) is None


def test_what_the_server_kept_alone_proves_nothing() -> None:
    """Whoever steals the verifier cannot sign in with it: the stored key in the proof's place is wrong."""
    found = ScramProof("user", "SHA-1", b"said", keys(PENCIL).stored)
    assert scram_signature(found, keys(PENCIL)) is None


def test_the_example_of_rfc_2195() -> None:
    server = SERVERS["CRAM-MD5"](b"<1896.697170952@postoffice.reston.mci.net>")
    assert not server.initial
    proof = server.respond(b"tim b913a602c7eda7a495b4e6e7334d3890")
    assert isinstance(proof, DigestProof)
    assert digest_proves(proof, Secret("tanstaaftanstaaf"))
    assert not digest_proves(proof, Secret("tanstaaf"))


def test_the_example_of_rfc_1939() -> None:
    proof = DigestProof("mrose", "apop", b"<1896.697170952@dbc.mtview.ca.us>", "c4c9334bac560ecc979e58001b3e22fb")
    assert digest_proves(proof, Secret("tanstaaf"))
    assert not digest_proves(proof, Secret("tanstaa"))


def test_a_digest_over_octets_that_are_no_utf_8() -> None:
    proof = DigestProof("fax", "cram-md5", b"<1@b>", "\udcff")
    assert not digest_proves(proof, Secret("\udce4"))


def test_login_asks_twice() -> None:
    server = SERVERS["LOGIN"](b"")
    assert server.first == Challenge(b"Username:")
    assert server.respond(b"f\xe4x") == Challenge(b"Password:")
    assert server.respond(b" se cret ") == Password("f\udce4x", Secret(" se cret "))


@pytest.mark.parametrize("name", SERVERS)
@given(responses=st.lists(st.binary(), min_size=1, max_size=3))
def test_any_octets_are_understood_or_refused(name: str, responses: list[bytes]) -> None:
    server = SERVERS[name](b"<1@b>")
    for response in responses:
        try:
            step = server.respond(response)
        except SaslError:
            return
        if isinstance(step, SaltWanted):
            assert isinstance(server, ScramServer)
            server.salted(b"salt", 4096, "nonce")
        elif not isinstance(step, Challenge):
            assert "Secret(…)" in repr(step) or not isinstance(step, Password)
            return


def test_a_timestamp_is_a_message_id() -> None:
    assert timestamp("00ff", 1_700_000_000) == b"<00ff.1700000000@popbridge>"
