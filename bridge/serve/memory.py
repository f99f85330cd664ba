"""Memory given back to the system."""

import ctypes

M_MMAP_THRESHOLD = -3
"""mallopt(3)'s name for it."""

OWN_MAPPING = 1024 * 1024
"""Octets from which on memory is a mapping of its own. A password check takes 16 MiB for 40 ms."""


def give_back_large_blocks() -> None:
    """Have blocks of 1 MiB and more go back to the system when they are freed.

    glibc raises that limit by itself after the first large block and then keeps later ones: each thread that ever
    checked a password would stay 16 MiB larger. Does nothing with another C library.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, OWN_MAPPING)
