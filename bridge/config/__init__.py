"""Configuration: a schema that documents itself, read with every mistake told at once."""

from bridge.config.loading import load
from bridge.config.passwords import generate_password, hash_password, parse_hash, verify

__all__ = ["generate_password", "hash_password", "load", "parse_hash", "verify"]
