"""Slices of LIST and UIDL answers, ready to be sent."""

from collections.abc import Collection, Sequence


def scan_lines(first: int, sizes: Sequence[int], skip: Collection[int] = ()) -> bytes:
    """Give `n octets` lines for messages `first`, `first` + 1 …, without those in `skip`."""
    return _lines(first, sizes, skip)


def uidl_lines(first: int, uidls: Sequence[str], skip: Collection[int] = ()) -> bytes:
    """Give `n unique-id` lines for messages `first`, `first` + 1 …, without those in `skip`."""
    return _lines(first, uidls, skip)


def _lines(first: int, values: Sequence[object], skip: Collection[int]) -> bytes:
    numbered = enumerate(values, first)
    if skip:
        return "".join([f"{num} {value}\r\n" for num, value in numbered if num not in skip]).encode("ascii")
    return "".join([f"{num} {value}\r\n" for num, value in numbered]).encode("ascii")
