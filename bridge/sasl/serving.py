"""The server's side of each mechanism: what it asks its device, and what comes of the answers. Nothing is decided here.

An exchange begins with `first`. Each response is given to `respond`; what it gives tells what to do next. Responses
and challenges are without base64.
"""

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from bridge.model.secret import Secret
from bridge.sasl.errors import SaslError
from bridge.sasl.plain import decode_plain
from bridge.sasl.proofs import DigestProof, ScramProof
from bridge.sasl.scram import ScramHash, attributes, decode_value, read_name


@dataclass(frozen=True, slots=True)
class Challenge:
    """Send this, and give what the device responds to `respond`."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Password:
    """The device gave its password: that decides."""

    login: str
    password: Secret


@dataclass(frozen=True, slots=True)
class SaltWanted:
    """SCRAM: go on with `salted`. It is asked for whether there is such a login or not."""

    login: str
    hash: ScramHash


@dataclass(frozen=True, slots=True)
class Done:
    """SCRAM: the device has seen its proof accepted, and takes this server for the right one."""


Step = Challenge | Password | SaltWanted | DigestProof | ScramProof | Done


class Exchange(Protocol):
    """One attempt to sign in. `initial`: the device may send its first response with the command."""

    initial: bool
    first: Challenge

    def respond(self, response: bytes) -> Step:
        """Take a response. Raises SaslError for one that the mechanism does not know; the exchange is over then."""
        ...


class PlainServer:
    """PLAIN (RFC 4616): all in one response. Nobody signs in as somebody else."""

    initial = True
    first = Challenge(b"")

    def respond(self, response: bytes) -> Step:
        """Give the password."""
        found = decode_plain(response)
        _same(found.authzid, found.authcid)
        return Password(found.authcid, found.password)


class LoginServer:
    """LOGIN, which no RFC has: the name, then the password, each asked for with the words that old devices look for."""

    initial = True
    first = Challenge(b"Username:")

    def __init__(self) -> None:
        self._login: str | None = None

    def respond(self, response: bytes) -> Step:
        """Ask for the password, then give it."""
        if not response:
            raise SaslError("LOGIN takes a name and a password, and neither is empty.")
        text = response.decode("utf-8", "surrogateescape")
        if self._login is not None:
            return Password(self._login, Secret(text))
        self._login = text
        return Challenge(b"Password:")


class CramServer:
    """CRAM-MD5 (RFC 2195 §2). `challenge` is a `timestamp` that was never used before."""

    initial = False

    def __init__(self, challenge: bytes) -> None:
        self.first = Challenge(challenge)

    def respond(self, response: bytes) -> Step:
        """Give the proof. A name may have blanks in it, a digest has none."""
        login, _, digest = response.rpartition(b" ")
        if not login or not digest:
            raise SaslError("A CRAM-MD5 response is a name and a digest.")
        name, proof = (part.decode("utf-8", "surrogateescape") for part in (login, digest))
        return DigestProof(name, "cram-md5", self.first.octets, proof.lower())


@dataclass(frozen=True, slots=True)
class _ScramFirst:
    """A device's first message: whom it signs in, its nonce, and the parts that its proof covers."""

    login: str
    nonce: str
    binding: str
    bare: str


class ScramServer:
    """SCRAM without channel binding (RFC 5802 §5)."""

    initial = True
    first = Challenge(b"")

    def __init__(self, hash_: ScramHash) -> None:
        self._hash: ScramHash = hash_
        self._begun: _ScramFirst | None = None
        self._asked = ""
        self._nonce = ""
        self._proven = False

    def respond(self, response: bytes) -> Step:
        """Ask for the salt, then give the proof, then be done with an empty response."""
        if self._proven:
            if response:
                raise SaslError("A SCRAM exchange ends with an empty response.")
            return Done()
        text = _text(response)
        if self._begun is None:
            self._begun = _first(text)
            return SaltWanted(self._begun.login, self._hash)
        return self._proof(text, self._begun)

    def salted(self, salt: bytes, rounds: int, nonce: str) -> Challenge:
        """Go on where the salt was wanted: with what the login's password is hashed with, and a nonce of our own."""
        assert self._begun is not None, "the device speaks first"
        self._nonce = self._begun.nonce + nonce
        self._asked = f"r={self._nonce},s={b64encode(salt).decode()},i={rounds}"
        return Challenge(self._asked.encode())

    def proven(self, signature: bytes) -> Challenge:
        """Go on where the proof was right, with the proof of this side."""
        self._proven = True
        return Challenge(b"v=" + b64encode(signature))

    def _proof(self, text: str, begun: _ScramFirst) -> ScramProof:
        without, proof_mark, proof = text.rpartition(",p=")
        found = attributes(without)
        if not proof_mark or [name for name, _ in found[:2]] != ["c", "r"]:
            raise SaslError("A SCRAM proof comes behind a channel binding and a nonce.")
        if decode_value(found[0][1]) != begun.binding.encode() or found[1][1] != self._nonce:
            raise SaslError("A SCRAM proof is for another exchange.")
        said = f"{begun.bare},{self._asked},{without}"
        return ScramProof(begun.login, self._hash, said.encode(), decode_value(proof))


def _first(text: str) -> _ScramFirst:
    """Read client-first-message (RFC 5802 §7)."""
    binding, _, rest = text.partition(",")
    other, comma, bare = rest.partition(",")
    if binding not in ("n", "y") or not comma or (other and not other.startswith("a=")):
        raise SaslError("A SCRAM exchange begins without channel binding.")
    found = attributes(bare)
    if [name for name, _ in found[:2]] != ["n", "r"] or not found[1][1].isascii() or not found[1][1].isprintable():
        raise SaslError("A SCRAM exchange begins with a name and a nonce.")
    login, nonce = read_name(found[0][1]), found[1][1]
    if not login or not nonce:
        raise SaslError("A SCRAM exchange begins with a name and a nonce.")
    _same(read_name(other[2:]), login)
    return _ScramFirst(login, nonce, f"{binding},{other},", bare)


def _same(acts_as: str, login: str) -> None:
    if acts_as not in ("", login):
        raise SignInAsOther("Signing in as someone else is not possible.")


class SignInAsOther(SaslError):
    """A device asks to act as somebody else than it signs in as."""


def _text(response: bytes) -> str:
    try:
        return response.decode()
    except UnicodeDecodeError:
        raise SaslError("A SCRAM message is UTF-8.") from None


SERVERS: Mapping[str, Callable[[bytes], Exchange]] = {
    "PLAIN": lambda challenge: PlainServer(),
    "LOGIN": lambda challenge: LoginServer(),
    "CRAM-MD5": CramServer,
    "SCRAM-SHA-256": lambda challenge: ScramServer("SHA-256"),
    "SCRAM-SHA-1": lambda challenge: ScramServer("SHA-1"),
}
"""The mechanisms, by name. Each is begun with a fresh `timestamp`, of which CRAM-MD5 alone makes use."""
