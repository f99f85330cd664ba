"""Device passwords as slow hashes: `scrypt$n$r$p$salt$hash`, salt and hash in base64."""

import hashlib
import hmac
import secrets

from bridge.config.base64 import octets_of, text_of
from bridge.model.secret import Secret
from bridge.model.settings import PasswordHash

COST = 2**14
"""N of new hashes: about 40 ms on a small server, so that guessing is slow and a poll is not."""
BLOCK = 8
"""r of new hashes, as RFC 7914 §2 recommends."""
PARALLEL = 1
"""p of new hashes, as RFC 7914 §2 recommends."""
SALT_OCTETS = 16
DIGEST_OCTETS = 32
MEMORY_LIMIT = 64 * 2**20
"""Octets one verification may take, so that a mistyped hash cannot exhaust the machine."""
PARALLEL_LIMIT = 16


def hash_password(password: Secret) -> str:
    """Give `password_hash` for a device's password. Blocks for some 40 ms."""
    salt = secrets.token_bytes(SALT_OCTETS)
    digest = _scrypt(password, PasswordHash(COST, BLOCK, PARALLEL, salt, bytes(DIGEST_OCTETS)))
    return f"scrypt${COST}${BLOCK}${PARALLEL}${text_of(salt)}${text_of(digest)}"


def parse_hash(text: str) -> PasswordHash:
    """Read `scrypt$n$r$p$salt$hash`. Raises `ValueError` with a sentence that shows nothing of the hash."""
    parts = text.split("$")
    if len(parts) != 6 or parts[0] != "scrypt":
        raise ValueError("must be scrypt$n$r$p$salt$hash, as `popbridge password` prints it")
    if not all(number.isascii() and number.isdecimal() and len(number) < 10 for number in parts[1:4]):
        raise ValueError("must have whole numbers for n, r and p, as `popbridge password` prints them")
    n, r, p = map(int, parts[1:4])
    if n < 2 or n & (n - 1) or not (r and p) or n.bit_length() > 16 * r:  # RFC 7914 §2: N < 2^(128 * r / 8)
        raise ValueError("must have a power of two for n that suits r, and r and p of at least 1")
    if _memory(n, r, p) > MEMORY_LIMIT or p > PARALLEL_LIMIT:
        raise ValueError("would take more than 64 MiB or too long to check: make a new one with `popbridge password`")
    salt, digest = octets_of(parts[4], "salt"), octets_of(parts[5], "hash")
    if len(salt) < 8 or not 16 <= len(digest) <= 64:
        raise ValueError("must have a salt of at least 8 octets and a hash of 16 to 64 octets: it may be cut short")
    return PasswordHash(n, r, p, salt, digest)


def verify_scrypt(stored: PasswordHash, given: Secret) -> bool:
    """Tell whether the password is the hashed one, in the same time either way. Blocks: call it in a thread."""
    return hmac.compare_digest(_scrypt(given, stored), stored.digest)


def _scrypt(password: Secret, like: PasswordHash) -> bytes:
    # Devices may send octets that are not UTF-8; they arrive as surrogate escapes and are hashed as they came.
    octets = password.reveal().encode("utf-8", "surrogateescape")
    memory = _memory(like.n, like.r, like.p) + 2**20
    return hashlib.scrypt(octets, salt=like.salt, n=like.n, r=like.r, p=like.p, dklen=len(like.digest), maxmem=memory)


def _memory(n: int, r: int, p: int) -> int:
    return 128 * r * (n + p + 2)
