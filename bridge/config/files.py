"""Opening what a configuration names."""

import os
from pathlib import Path

from bridge.config.problems import printable
from bridge.config.values import Wrong

LARGEST = 2**20
"""Octets of a certificate, key or list of roots; a list of all public roots is about 250,000."""


def read_bounded(path: Path, most: int = LARGEST) -> bytes:
    """Read a file whole, without waiting for one that nobody writes. Raises `Wrong` naming it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            octets = file.read(most + 1) or b""
    except OSError as failure:
        raise Wrong(f"{printable(str(path))} cannot be read: {failure.strerror}") from None
    if len(octets) > most:
        raise Wrong(f"{printable(str(path))} is larger than {most} octets")
    return octets
