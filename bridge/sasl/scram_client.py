"""SCRAM, seen from who signs in (RFC 5802 §5)."""

import hmac
import re
from base64 import b64encode

from bridge.model.secret import Secret
from bridge.sasl.conversation import ServerUnproven
from bridge.sasl.errors import SaslError
from bridge.sasl.scram import (
    ScramHash,
    attributes,
    client_proof,
    decode_value,
    salted_password,
    scram_keys,
    server_signature,
    spell_name,
)

MOST_ROUNDS = 10_000_000
"""Rounds that a server may ask for: some five seconds. Our own; servers ask for 4,096 to some 600,000."""

QUICK_ROUNDS = 20_000
"""Rounds that are computed on the spot: ten milliseconds."""

_HEADER = "n,,"
"""No channel binding: neither side can be made to (RFC 5802 §6)."""

_NONCE = re.compile(r"[\x21-\x2b\x2d-\x7e]+")


class ScramClient:
    """One exchange. `nonce` is printable ASCII without commas, drawn at random for this exchange (RFC 5802 §5.1).

    Raises SaslError for a user or password that SCRAM cannot carry.
    """

    def __init__(self, hash_: ScramHash, user: str, password: Secret, nonce: str) -> None:
        assert _NONCE.fullmatch(nonce), "a nonce is printable and has no comma"
        if not user or not password.reveal():
            raise SaslError("SCRAM carries neither an empty user nor an empty password.")
        self.name = f"SCRAM-{hash_}"
        self.tested = False
        self._hash: ScramHash = hash_
        self._password = password
        self._nonce = nonce
        self._first_bare = f"n={spell_name(user)},r={nonce}"
        spell_name(password.reveal())  # says at once whether it can be prepared
        self._signature = b""
        self._proven = False

    def initial(self) -> bytes:
        """Give the first message, which names the user."""
        return (_HEADER + self._first_bare).encode()

    def slow(self, challenge: bytes) -> bool:
        """Tell whether the server asks for many rounds. Raises SaslError."""
        return not self.tested and self._asked(_text(challenge))[2] > QUICK_ROUNDS

    def answer(self, challenge: bytes) -> bytes:
        """Give the proof, then, once the server has shown its own, nothing.

        Raises ServerUnproven for a signature that is wrong, SaslError for what is not SCRAM's.
        """
        message = _text(challenge)
        return self._verify(message) if self.tested else self._prove(message)

    def succeeded(self) -> None:
        """Raises ServerUnproven where the server never showed that it knows the password (RFC 5802 §3)."""
        if not self._proven:
            raise ServerUnproven("The server says that all is well and did not show that it knows the password.")

    def _prove(self, message: str) -> bytes:
        nonce, salt, rounds = self._asked(message)
        without_proof = f"c={b64encode(_HEADER.encode()).decode()},r={nonce}"
        auth_message = f"{self._first_bare},{message},{without_proof}".encode()
        salted = salted_password(self._hash, self._password, salt, rounds)
        self._signature = server_signature(self._hash, scram_keys(self._hash, salted), auth_message)
        self.tested = True
        proof = b64encode(client_proof(self._hash, salted, auth_message)).decode()
        return f"{without_proof},p={proof}".encode()

    def _asked(self, message: str) -> tuple[str, bytes, int]:
        """Give the nonce of both sides, the salt, and the rounds. What stands behind them is passed over."""
        asked = attributes(message)
        if [name for name, _ in asked[:3]] != ["r", "s", "i"]:
            raise SaslError("The server's first SCRAM message does not ask for what SCRAM asks for.")
        (_, nonce), (_, salt), (_, rounds) = asked[:3]
        if not nonce.startswith(self._nonce) or nonce == self._nonce or not _NONCE.fullmatch(nonce):
            raise ServerUnproven("The server's SCRAM nonce does not go on from the one that it was sent.")
        if not re.fullmatch("[1-9][0-9]{0,9}", rounds) or int(rounds) > MOST_ROUNDS:
            raise SaslError("The server asks for a number of SCRAM rounds that makes no sense.")
        return nonce, decode_value(salt), int(rounds)

    def _verify(self, message: str) -> bytes:
        if self._proven:
            raise SaslError("The server goes on behind SCRAM's last message.")
        name, value = attributes(message)[0]
        if name == "e":
            return b""  # it names why not, and refuses behind the answer (RFC 5802 §5.1)
        if name != "v" or not hmac.compare_digest(decode_value(value), self._signature):
            raise ServerUnproven("The server's SCRAM signature is wrong: it does not know the password.")
        self._proven = True
        return b""


def _text(challenge: bytes) -> str:
    try:
        return challenge.decode("utf-8")
    except UnicodeDecodeError:
        raise SaslError("A SCRAM message is not in UTF-8.") from None
