"""Passwords made up for devices: of characters that a device's keys have, and long enough all the same."""

import secrets
from collections.abc import Mapping
from math import log2
from typing import NamedTuple

from bridge.model.secret import Secret

TOO_WEAK = 32
"""Bits below which none is made: guessed at two a second from each of a thousand addresses within a month or two."""

WEAK = 56
"""Bits below which a sentence warns: whoever has the hash, or heard a digest of the password, may try all of them."""


class Alphabet(NamedTuple):
    """Characters, and how many of them a password has unless it is said otherwise: enough for 64 bits."""

    characters: str
    length: int
    about: str


ALPHABETS: Mapping[str, Alphabet] = {
    "easy": Alphabet(
        "abcdefghjkmnpqrstuvwxyz23456789", 16, "small letters and digits, none mistaken for another on a small display"
    ),
    "digits": Alphabet("0123456789", 20, "digits alone, for a keypad that has no more"),
    "keypad": Alphabet("adgjmptw", 22, "letters that take one press each where a digit's key has three or four"),
    "lower": Alphabet("abcdefghijklmnopqrstuvwxyz", 15, "small letters"),
    "mixed": Alphabet(
        "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789", 12, "capitals, small letters and digits"
    ),
}
"""By name. None has anything that a shell, a form or a telephone's keyboard makes something else of."""

DEFAULT = "easy"


class Generated(NamedTuple):
    """A password, and how many bits of chance are in it."""

    password: Secret
    bits: int
    warning: str


def generate(alphabet: str = DEFAULT, length: int | None = None) -> Generated:
    """Make a password up. Raises ValueError, with a sentence, where it would be guessed."""
    found = ALPHABETS[alphabet]
    length = length or found.length
    bits = int(length * log2(len(found.characters)))
    least = -(-WEAK // log2(len(found.characters)))
    if bits < TOO_WEAK:
        raise ValueError(f"{length} characters of {len(found.characters)} are guessed: take {least:.0f} or more")
    password = Secret("".join(secrets.choice(found.characters) for _ in range(length)))
    warning = f"this is weak: {least:.0f} characters or more withstand whoever gets hold of its hash"
    return Generated(password, bits, warning if bits < WEAK else "")
