"""A secret that does not show itself."""

from typing import Literal, final

SecretKind = Literal["oauth", "remembered", "recoverable"]
"""What is kept sealed: an account's tokens, a passed-through password, a device's password that must be had again."""


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
