"""SASL mechanisms, pure: whoever waits or draws nonces is elsewhere."""

from bridge.sasl.plain import PlainCredentials, SaslError, decode_plain, encode_plain

__all__ = ["PlainCredentials", "SaslError", "decode_plain", "encode_plain"]
