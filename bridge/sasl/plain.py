"""PLAIN: the identity to act as, the identity that signs in, and its password, in one message (RFC 4616 §2)."""

from dataclasses import dataclass

from bridge.model.secret import Secret
from bridge.sasl.errors import SaslError


@dataclass(frozen=True, slots=True)
class PlainCredentials:
    """One decoded message. Octets that are not UTF-8 stand as surrogate escapes.

    `authzid` is empty where the device asks for no other identity than its own, `authcid`.
    """

    authzid: str
    authcid: str
    password: Secret


def decode_plain(response: bytes) -> PlainCredentials:
    """Take a device's message apart, after base64. Raises SaslError; nothing is said about whether it is right."""
    parts = response.split(b"\0")
    if len(parts) != 3:
        raise SaslError("A PLAIN message has three parts, with a NUL between them.")
    authzid, authcid, password = (part.decode("utf-8", "surrogateescape") for part in parts)
    if not authcid or not password:
        raise SaslError("A PLAIN message names who signs in, and the password.")
    return PlainCredentials(authzid, authcid, Secret(password))


def encode_plain(user: str, password: Secret) -> bytes:
    """Make the message that signs `user` in, before base64. Raises SaslError where PLAIN cannot say it."""
    words = (user, password.reveal())
    if not all(words) or any("\0" in word for word in words):
        raise SaslError("PLAIN carries neither an empty user or password nor one with a NUL in it.")
    return b"\0" + b"\0".join(word.encode("utf-8", "surrogateescape") for word in words)
