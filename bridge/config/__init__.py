"""Configuration: a schema that documents itself, read with every mistake told at once."""

from bridge.config.generating import generate
from bridge.config.loading import load, load_keys, load_oauth
from bridge.config.passwords import hash_password, parse_hash
from bridge.config.verifiers import verify

__all__ = ["generate", "hash_password", "load", "load_keys", "load_oauth", "parse_hash", "verify"]
