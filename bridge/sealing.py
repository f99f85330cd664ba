"""Secrets that have to be kept, sealed: AES-256-GCM (NIST SP 800-38D) under a key of the configuration.

What is sealed is bound to its row: a sealed secret that is copied into another row does not open there.
"""

import base64
import hashlib
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bridge.model.failures import NoKey, SealBroken
from bridge.model.secret import Secret

KEY_OCTETS = 32
"""AES-256."""

_VERSION = b"\x01"
_LABEL_OCTETS = 8
_NONCE_OCTETS = 12
"""SP 800-38D §8.2.2: drawn at random, 96 bits serve for 2^32 secrets under one key."""
_TAG_OCTETS = 16
_HEAD = len(_VERSION) + _LABEL_OCTETS + _NONCE_OCTETS


class Sealer:
    """Seals with the first of the keys and opens with any of them. Without a key it can do neither.

    Each key is 32 octets in base64. Raises ValueError, with a sentence that shows nothing of a key.
    """

    def __init__(self, keys: Sequence[Secret]) -> None:
        self._keys = {_label(key): AESGCM(key) for key in map(key_octets, keys)}

    @property
    def usable(self) -> bool:
        """True where there is a key."""
        return bool(self._keys)

    def seal(self, secret: Secret, row: str) -> bytes:
        """Give the secret for keeping in the row of that name. Raises `NoKey`."""
        for label, cipher in self._keys.items():
            nonce = secrets.token_bytes(_NONCE_OCTETS)
            text = secret.reveal().encode("utf-8", "surrogateescape")
            return _VERSION + label + nonce + cipher.encrypt(nonce, text, _bound(row))
        raise NoKey("there is no key to seal secrets with: give [server] a token_key_file or token_key_credential")

    def unseal(self, sealed: bytes, row: str) -> Secret:
        """Give the secret that was sealed for that row. Raises `SealBroken`, or `NoKey` where there is none at all."""
        if not self._keys:
            raise NoKey("a secret in the database is sealed, and [server] names no token_key_… to open it with")
        if len(sealed) < _HEAD + _TAG_OCTETS or sealed[:1] != _VERSION:
            raise SealBroken("a sealed secret in the database is damaged: it has to be given anew")
        cipher = self._keys.get(sealed[1 : 1 + _LABEL_OCTETS])
        if cipher is None:
            raise SealBroken("a secret in the database was sealed with a key that [server] token_key_… does not have")
        try:
            text = cipher.decrypt(sealed[1 + _LABEL_OCTETS : _HEAD], sealed[_HEAD:], _bound(row))
        except InvalidTag:
            raise SealBroken("a sealed secret in the database was altered: it has to be given anew") from None
        return Secret(text.decode("utf-8", "surrogateescape"))

    def current(self, sealed: bytes) -> bool:
        """Tell whether the first key sealed this; else it is to be sealed again before the older key goes."""
        return sealed[1 : 1 + _LABEL_OCTETS] == next(iter(self._keys), None)


def key_octets(key: Secret) -> bytes:
    """Give a key's 32 octets. Raises ValueError, with a sentence that shows nothing of it."""
    try:
        octets = base64.b64decode(key.reveal().strip(), validate=True)
    except ValueError:
        octets = b""
    if len(octets) != KEY_OCTETS:
        raise ValueError(f"must be {KEY_OCTETS} octets in base64, as `openssl rand -base64 {KEY_OCTETS}` prints")
    return octets


def _label(key: bytes) -> bytes:
    """Name a key without telling anything of it."""
    return hashlib.sha256(b"popbridge key\0" + key).digest()[:_LABEL_OCTETS]


def _bound(row: str) -> bytes:
    return b"popbridge\0" + row.encode("utf-8", "surrogateescape")
