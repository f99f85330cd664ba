"""What both sides of SCRAM compute, and how its messages are spelled (RFC 5802, RFC 7677)."""

import hashlib
import hmac
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bridge.model.secret import Secret
from bridge.sasl.errors import SaslError
from bridge.sasl.prep import saslprep

ScramHash = Literal["SHA-1", "SHA-256"]

_HASHES: Mapping[ScramHash, str] = {"SHA-1": "sha1", "SHA-256": "sha256"}

LEAST_ROUNDS = 4096
"""Rounds of a new verifier (RFC 5802 §5.1, RFC 7677 §4)."""


@dataclass(frozen=True, slots=True)
class ScramKeys:
    """What a server keeps in a password's place (RFC 5802 §3): it tells whether a proof is right, and proves to the
    other side that the password is known here.
    """

    stored: bytes = field(repr=False)
    server: bytes = field(repr=False)


def salted_password(hash_: ScramHash, password: Secret, salt: bytes, rounds: int) -> bytes:
    """Hi() of RFC 5802 §2.2: the one slow step, about a millisecond for each 2,000 rounds. A secret as the password is.

    Raises SaslError for a password that SASLprep refuses.
    """
    octets = saslprep(password.reveal()).encode()
    return hashlib.pbkdf2_hmac(_HASHES[hash_], octets, salt, rounds)


def scram_keys(hash_: ScramHash, salted: bytes) -> ScramKeys:
    """Give what a server keeps, made from a salted password."""
    return ScramKeys(_digest(hash_, _client_key(hash_, salted)), _hmac(hash_, salted, b"Server Key"))


def client_proof(hash_: ScramHash, salted: bytes, auth_message: bytes) -> bytes:
    """Give the proof that the password is known, which is of use for this one exchange alone (RFC 5802 §3)."""
    key = _client_key(hash_, salted)
    return _xor(key, _hmac(hash_, _digest(hash_, key), auth_message))


def proves(hash_: ScramHash, keys: ScramKeys, auth_message: bytes, proof: bytes) -> bool:
    """Tell whether a proof is right, in the same time whether it is or not."""
    if len(proof) != len(keys.stored):
        return False
    key = _xor(proof, _hmac(hash_, keys.stored, auth_message))
    return hmac.compare_digest(_digest(hash_, key), keys.stored)


def server_signature(hash_: ScramHash, keys: ScramKeys, auth_message: bytes) -> bytes:
    """Give what a server shows in return, to prove that it knows the password (RFC 5802 §3)."""
    return _hmac(hash_, keys.server, auth_message)


def spell_name(name: str) -> str:
    """Spell a user's name as it stands in a message, prepared (RFC 5802 §5.1). Raises SaslError."""
    return saslprep(name).replace("=", "=3D").replace(",", "=2C")


def read_name(text: str) -> str:
    """Give the name that a message spells. Raises SaslError for a `=` that stands for nothing (RFC 5802 §5.1)."""
    name = text.replace("=2C", ",").replace("=3D", "=")
    if text.count("=") != text.count("=2C") + text.count("=3D"):
        raise SaslError("A SCRAM message spells a name with a sign that stands for nothing.")
    return name


def attributes(message: str) -> list[tuple[str, str]]:
    """Take a message apart into its attributes, each one letter and a value, in their order (RFC 5802 §5.1).

    Raises SaslError, also for an `m` wherever it stands: that is an extension which has to be understood, and none is.
    """
    found = []
    for part in message.split(","):
        name, equals, value = part[:1], part[1:2], part[2:]
        if not (name.isascii() and name.isalpha()) or equals != "=" or "\0" in value:
            raise SaslError("A SCRAM message is not made of attributes.")
        if name == "m":
            raise SaslError("A SCRAM message has an extension that is not known.")
        found.append((name, value))
    return found


def decode_value(value: str) -> bytes:
    """Give the octets of an attribute in base64: a salt, a proof or a signature. Raises SaslError."""
    try:
        return b64decode(value, validate=True)
    except (NotBase64, ValueError):
        raise SaslError("A SCRAM message has something that is not base64.") from None


def _client_key(hash_: ScramHash, salted: bytes) -> bytes:
    return _hmac(hash_, salted, b"Client Key")


def _hmac(hash_: ScramHash, key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, _HASHES[hash_])


def _digest(hash_: ScramHash, octets: bytes) -> bytes:
    return hashlib.new(_HASHES[hash_], octets).digest()


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
