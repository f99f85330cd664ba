"""`password_hash`: what is kept of a device's password, in one text or a list of them.

`scrypt$…` checks a password that is sent. `scram-sha-256$rounds$salt$stored$server`, and the same with `scram-sha-1`,
do that too, and check SCRAM. `sealed$…` is the password itself, sealed for its login under `[server] token_key_…`.
Octets are in base64.
"""

import secrets
from collections.abc import Sequence
from typing import NamedTuple

from bridge.config.base64 import octets_of, text_of
from bridge.config.passwords import parse_hash, verify_scrypt
from bridge.config.values import Wrong, text
from bridge.model.failures import NoKey, SealBroken
from bridge.model.logins import SCRAM
from bridge.model.secret import Secret
from bridge.model.settings import PasswordHash, ScramVerifier
from bridge.sasl import SaslError, ScramHash, salted_password, scram_keys
from bridge.sealing import Sealer

ROUNDS = 15_000
"""Rounds of new verifiers: what RFC 7677 §4 found right in 2015, some 5 ms of a core."""

LEAST_ROUNDS = 4096
"""RFC 5802 §5.1: what a server should ask for at least."""

MOST_ROUNDS = 1_000_000
"""Rounds that a check may take, 0.3 s of a core: so that a mistyped verifier cannot keep the machine busy."""

SALT_OCTETS = 16
LONGEST_SALT = 48
_DIGEST: dict[ScramHash, int] = {"SHA-1": 20, "SHA-256": 32}


class Sealed(NamedTuple):
    """A password that is sealed for a login."""

    octets: bytes


Kept = PasswordHash | ScramVerifier | Sealed


def parse_kept(value: object) -> tuple[Kept, ...]:
    """Read `password_hash`. Raises `ValueError` with a sentence that shows nothing of it."""
    texts = value if isinstance(value, list) else [value]
    if not texts:
        raise Wrong("must not be empty")
    found = [_one(text(each)) for each in texts]
    kinds = [each.hash if isinstance(each, ScramVerifier) else type(each) for each in found]
    if len(set(kinds)) < len(kinds):
        raise Wrong("has two of a kind: at most one scrypt$…, scram-sha-256$…, scram-sha-1$… and sealed$… each")
    return tuple(found)


def _one(found: str) -> Kept:
    kind, _, rest = found.partition("$")
    if kind == "sealed":
        return Sealed(octets_of(rest, "password"))
    if kind in SCRAM:
        return _scram(SCRAM[kind], found.split("$"))
    return parse_hash(found)


def _scram(hash_: ScramHash, parts: list[str]) -> ScramVerifier:
    if len(parts) != 5:
        raise Wrong(f"must be {parts[0]}$rounds$salt$stored$server, as `popbridge password --scram` prints it")
    rounds = int(parts[1]) if parts[1].isascii() and parts[1].isdecimal() and len(parts[1]) < 10 else 0
    if not 1 <= rounds <= MOST_ROUNDS:
        raise Wrong(f"must have a number of rounds from 1 to {MOST_ROUNDS}")
    salt, stored, server = (
        octets_of(each, name) for each, name in zip(parts[2:], ("salt", "stored key", "server key"), strict=True)
    )
    if not 8 <= len(salt) <= LONGEST_SALT or {len(stored), len(server)} != {_DIGEST[hash_]}:
        raise Wrong(f"must have a salt of 8 to {LONGEST_SALT} octets and keys of {_DIGEST[hash_]}: it may be cut short")
    return ScramVerifier(hash_, rounds, salt, stored, server)


def recover(sealed: Sealed, login: str, keys: Sequence[Secret]) -> Secret:
    """Give a sealed password. Raises `Wrong`."""
    try:
        return Sealer(keys).unseal(sealed.octets, _row(login))
    except NoKey:
        raise Wrong("has a sealed$… password, and [server] names no token_key_… to open it with") from None
    except SealBroken:
        raise Wrong(
            f"has a sealed$… password that does not open: it was sealed for another login than {login!r}, with a key "
            "that [server] token_key_… does not have, or it is cut short"
        ) from None


def seal_password(password: Secret, login: str, keys: Sequence[Secret]) -> str:
    """Give `password_hash` from which a device's password can be had again. Raises `NoKey`."""
    return f"sealed${text_of(Sealer(keys).seal(password, _row(login)))}"


def _row(login: str) -> str:
    return f"recoverable\0{login}"


def make_verifier(hash_: ScramHash, password: Secret) -> str:
    """Give `password_hash` for SCRAM. Blocks for some 5 ms. Raises `Wrong` for a password that SCRAM cannot carry."""
    salt = secrets.token_bytes(SALT_OCTETS)
    try:
        keys = scram_keys(hash_, salted_password(hash_, password, salt, ROUNDS))
    except SaslError as refused:
        raise Wrong(str(refused)) from None
    return f"scram-{hash_.lower()}${ROUNDS}${text_of(salt)}${text_of(keys.stored)}${text_of(keys.server)}"


def verify(stored: PasswordHash | ScramVerifier, given: Secret) -> bool:
    """Tell whether the password is the one that was hashed. Blocks: call it in a thread."""
    if isinstance(stored, PasswordHash):
        return verify_scrypt(stored, given)
    try:
        keys = scram_keys(stored.hash, salted_password(stored.hash, given, stored.salt, stored.rounds))
    except SaslError:
        return False
    return secrets.compare_digest(keys.stored, stored.stored)
