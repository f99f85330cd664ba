"""Octets inside texts of the configuration."""

import base64


def text_of(octets: bytes) -> str:
    """Write octets."""
    return base64.b64encode(octets).decode("ascii")


def octets_of(text: str, what: str) -> bytes:
    """Read octets. Raises `ValueError` with a sentence that names what they are, and shows nothing of them."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise ValueError(f"must have its {what} in base64: it may be cut short") from None
