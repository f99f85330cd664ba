"""A secret that does not show itself."""

from collections.abc import Iterable
from typing import Literal, final

SecretKind = Literal["oauth", "remembered", "recoverable"]
"""What is kept sealed: an account's tokens, a passed-through password, a device's password that must be had again."""

TELLING = 12
"""Characters of a long secret that make a text one that repeats it: servers cut short what they quote. Our own."""


@final
class Secret:
    """A password or token. `str`, `repr` and format all give the same mask; only `reveal` tells it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Give the secret itself. Callers hand it to the wire or to a hash, never to a text for people."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(("Secret", self._value))

    def __reduce__(self) -> str:
        raise TypeError("a secret cannot be pickled")


def repeats(text: str, secrets: Iterable[str]) -> bool:
    """Tell whether somebody else's words hold one of the secrets, or `TELLING` characters of one in a row."""
    there = {text[at : at + TELLING] for at in range(len(text) - TELLING + 1)}
    return any(
        secret in text or any(secret[at : at + TELLING] in there for at in range(len(secret) - TELLING + 1))
        for secret in secrets
        if secret
    )
