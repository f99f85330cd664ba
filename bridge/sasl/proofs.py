"""Proofs that a device knows its password, which does not cross the wire: what they are, and whether they are right."""

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Literal, assert_never

from bridge.model.secret import Secret
from bridge.sasl.cram import cram_digest
from bridge.sasl.scram import ScramHash, ScramKeys, proves, server_signature


@dataclass(frozen=True, slots=True)
class DigestProof:
    """CRAM-MD5 (RFC 2195 §2) or APOP (RFC 1939 §7): a digest, in hexadecimal, over a challenge and the password."""

    login: str
    way: Literal["cram-md5", "apop"]
    challenge: bytes
    digest: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ScramProof:
    """SCRAM: a proof for `said`, all that both sides said before it (RFC 5802 §3)."""

    login: str
    hash: ScramHash
    said: bytes = field(repr=False)
    proof: bytes = field(repr=False)

    @property
    def way(self) -> Literal["scram-sha-1", "scram-sha-256"]:
        """What `auth` calls it."""
        return "scram-sha-1" if self.hash == "SHA-1" else "scram-sha-256"


Proof = DigestProof | ScramProof


def digest_proves(proof: DigestProof, password: Secret) -> bool:
    """Tell whether a digest is that of the password, in the same time whether it is or not."""
    return hmac.compare_digest(proof.digest.encode("utf-8", "surrogateescape"), _digest(proof, password).encode())


def _digest(proof: DigestProof, password: Secret) -> str:
    match proof.way:
        case "cram-md5":
            return cram_digest(password, proof.challenge)
        case "apop":
            octets = password.reveal().encode("utf-8", "surrogateescape")
            return hashlib.md5(proof.challenge + octets, usedforsecurity=False).hexdigest()
        case _:
            assert_never(proof.way)


def scram_signature(proof: ScramProof, keys: ScramKeys) -> bytes | None:
    """Give what shows the device in return that its password is known here, or None where its proof is wrong."""
    if not proves(proof.hash, keys, proof.said, proof.proof):
        return None
    return server_signature(proof.hash, keys, proof.said)


def timestamp(nonce: str, seconds: int) -> bytes:
    """Give a challenge for APOP and CRAM-MD5, in the form of a Message-ID: never the same as long as nonces are not.

    `nonce` is hexadecimal, `seconds` are Unix seconds.
    """
    return f"<{nonce}.{seconds}@popbridge>".encode("ascii")
