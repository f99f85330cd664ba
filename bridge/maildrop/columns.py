"""Columns: 100,000 unique-ids in 1.6 MB where string objects take eight."""

from collections.abc import Iterable, Sequence
from typing import overload

from bridge.model.names import Uidl

OCTETS = 16
"""Octets of one unique-id before it is written out as 32 hexadecimal digits."""


class UidlColumn(Sequence[str]):
    """An immutable sequence of unique-ids over one bytes object."""

    __slots__ = ("raw",)

    def __init__(self, raw: bytes = b"") -> None:
        self.raw = raw

    @classmethod
    def of(cls, uidls: Iterable[Uidl]) -> "UidlColumn":
        """Pack unique-ids, each of 32 hexadecimal digits."""
        return cls(bytes.fromhex("".join(uidls)))

    def __len__(self) -> int:
        return len(self.raw) // OCTETS

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            digits = self.raw[start * OCTETS : stop * OCTETS].hex()
            width = OCTETS * 2
            return [digits[at : at + width] for at in range(0, len(digits), width)][::step]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        at = index % len(self) * OCTETS
        return self.raw[at : at + OCTETS].hex()

    def octets(self, index: int) -> bytes:
        """Give one unique-id packed."""
        return self.raw[index * OCTETS : (index + 1) * OCTETS]
