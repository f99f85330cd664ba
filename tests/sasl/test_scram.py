"""SCRAM's arithmetic and spelling, with the examples of RFC 5802 §5 and RFC 7677 §3."""

from base64 import b64decode, b64encode
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model.secret import Secret
from bridge.sasl import SaslError
from bridge.sasl.prep import saslprep
from bridge.sasl.scram import (
    ScramHash,
    attributes,
    client_proof,
    decode_value,
    proves,
    read_name,
    salted_password,
    scram_keys,
    server_signature,
    spell_name,
)


class Example(NamedTuple):
    """One exchange as it stands in an RFC, all for the user `user` with the password `pencil`."""

    hash: ScramHash
    first_bare: str
    server_first: str
    final_without_proof: str
    proof: str
    signature: str

    @property
    def auth_message(self) -> bytes:
        """What proof and signature are made over (RFC 5802 §3)."""
        return f"{self.first_bare},{self.server_first},{self.final_without_proof}".encode()

    def salted(self, password: str = "pencil") -> bytes:
        """Give the salted password that the server asked for."""
        asked = dict(attributes(self.server_first))
        return salted_password(self.hash, Secret(password), b64decode(asked["s"]), int(asked["i"]))


EXAMPLES = [
    Example(
        "SHA-1",
        "n=user,r=fyko+d2lbbFgONRv9qkxdawL",
        "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
        "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j",
        "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        "rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    ),
    Example(
        "SHA-256",
        "n=user,r=rOprNGfwEbeRWgbNEkqO",
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    ),
]

each = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.hash)


@each
def test_the_examples_of_the_rfcs(example: Example) -> None:
    salted = example.salted()
    keys = scram_keys(example.hash, salted)
    assert b64encode(client_proof(example.hash, salted, example.auth_message)).decode() == example.proof
    assert b64encode(server_signature(example.hash, keys, example.auth_message)).decode() == example.signature
    assert proves(example.hash, keys, example.auth_message, b64decode(example.proof))


@each
def test_what_proves_nothing(example: Example) -> None:
    keys, proof = scram_keys(example.hash, example.salted()), b64decode(example.proof)
    wrong = client_proof(example.hash, example.salted("pencils"), example.auth_message)
    for given_proof in (wrong, b"", proof[:-1], proof + b"\0", proof[:-1] + bytes([proof[-1] ^ 1])):
        assert not proves(example.hash, keys, example.auth_message, given_proof)
    assert not proves(example.hash, keys, example.auth_message + b"x", proof)
    assert not proves(example.hash, scram_keys(example.hash, wrong), example.auth_message, proof)


def test_nothing_of_the_keys_is_shown() -> None:
    assert repr(scram_keys("SHA-256", b"salted")) == "ScramKeys()"


@pytest.mark.parametrize(("name", "spelled"), [("user", "user"), ("a,b=c", "a=2Cb=3Dc"), ("=2C", "=3D2C"), ("ä", "ä")])
def test_names(name: str, spelled: str) -> None:
    assert spell_name(name) == spelled
    assert read_name(spelled) == name


@pytest.mark.parametrize("spelled", ["a=b", "=", "=2c", "=2", "a=2C="])
def test_names_that_spell_nothing(spelled: str) -> None:
    with pytest.raises(SaslError):
        read_name(spelled)


@pytest.mark.parametrize("message", ["", "r", "r=1,", ",r=1", "1=x", "rr=1", "r=\0", "ä=1"])
def test_messages_that_are_none(message: str) -> None:
    with pytest.raises(SaslError):
        attributes(message)


def test_attributes_keep_their_order_and_their_signs() -> None:
    assert attributes("r=a=b,s=,i=4096,x=ü") == [("r", "a=b"), ("s", ""), ("i", "4096"), ("x", "ü")]


@pytest.mark.parametrize("value", ["v0X8v3Bz2T0CJGbJQyF0X+HI4Ts", "a b=", "%%%%", "ä"])
def test_values_that_are_no_base64(value: str) -> None:
    with pytest.raises(SaslError):
        decode_value(value)


@pytest.mark.parametrize(
    ("text", "prepared"),
    # The examples of RFC 4013 §3, then our own.
    [
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("a\u00a0b", "a b"),
        ("\u0627", "\u0627"),
        ("a\u0308", "\u00e4"),
        ("pass word", "pass word"),
    ],
)
def test_saslprep(text: str, prepared: str) -> None:
    assert saslprep(text) == prepared


@pytest.mark.parametrize("text", ["\u0007", "\u0627\u0031", "a\0", "\udce4", "\ue000", "\u200e"])
def test_what_saslprep_refuses(text: str) -> None:
    with pytest.raises(SaslError) as refused:
        saslprep(text)
    assert text not in str(refused.value)


@given(st.text())
def test_any_name_comes_back(text: str) -> None:
    try:
        spelled = spell_name(text)
    except SaslError:
        return
    assert read_name(spelled) == saslprep(text)
    assert "," not in spelled
