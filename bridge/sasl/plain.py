"""SASL PLAIN (RFC 4616), both sides."""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from typing import NamedTuple

from bridge.model.secret import Secret


class SaslError(Exception):
    """The other side's response is not what the mechanism asks for."""


class PlainCredentials(NamedTuple):
    """Who logs in, and with what."""

    name: str
    password: Secret


def decode_plain(response: bytes) -> PlainCredentials:
    """Read a base64 response. An authorization identity must be empty or the same name. Raises `SaslError`."""
    try:
        octets = b64decode(response, validate=True)
    except (Base64Error, ValueError) as mistake:
        raise SaslError("the response is not base64") from mistake
    parts = octets.split(b"\0")
    if len(parts) != 3 or not parts[1]:
        raise SaslError("the response does not hold a name and a password")
    acting, name, password = (part.decode("utf-8", "surrogateescape") for part in parts)
    if acting not in {"", name}:
        raise SaslError("one device cannot act for another")
    return PlainCredentials(name, Secret(password))


def encode_plain(user: str, password: Secret) -> bytes:
    """Give the base64 response that logs `user` in."""
    return b64encode(f"\0{user}\0{password.reveal()}".encode("utf-8", "surrogateescape"))
