"""SASL mechanisms, both sides, without base64 or lines: those belong to the protocol that carries them."""

from bridge.sasl.errors import SaslError
from bridge.sasl.plain import PlainCredentials, decode_plain, encode_plain

__all__ = ["PlainCredentials", "SaslError", "decode_plain", "encode_plain"]
