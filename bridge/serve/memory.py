"""Memory given back to the system."""

import ctypes
import gc

M_MMAP_THRESHOLD = -3
"""mallopt(3)'s name for it."""

OWN_MAPPING = 1024 * 1024
"""Octets from which on memory is a mapping of its own. A password check takes 16 MiB for 40 ms."""

LOOKED_FOR_AFTER = 20_000
"""New objects after which cycles are looked for: about 2 MB. Next to nothing here makes any."""


def look_for_cycles_less_often() -> None:
    """Have Python look for cycles of objects every 20,000 rather than every 700: a poll would pay for several looks."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(LOOKED_FOR_AFTER)


def give_back_large_blocks() -> None:
    """Have blocks of 1 MiB and more go back to the system when they are freed.

    glibc raises that limit by itself after the first large block and then keeps later ones: each thread that ever
    checked a password would stay 16 MiB larger. Does nothing with another C library.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, OWN_MAPPING)
