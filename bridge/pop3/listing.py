"""Lines of LIST and UIDL for a slice of a maildrop, made at once rather than one by one."""

from collections.abc import Container, Iterable, Sequence
from itertools import chain, count

SLICE = 4096
"""Messages for one call: about 50 KB of LIST and 170 KB of UIDL, a few milliseconds at most."""


def scan_lines(first: int, sizes: Sequence[int], skip: Container[int] | None = None) -> bytes:
    """Give the scan listings of messages `first`, `first` + 1, …, whose sizes in octets are `sizes` (RFC 1939 §5).

    `skip` holds the message-numbers to leave out: those marked deleted. Goes to `Pop3Connection.lines`.
    """
    return _lines("%d %d\r\n", zip(count(first), sizes, strict=False), len(sizes), skip)


def uidl_lines(first: int, uidls: Sequence[str], skip: Container[int] | None = None) -> bytes:
    """Give the unique-id listings of messages `first`, `first` + 1, …, as `scan_lines` does (RFC 1939 §7)."""
    return _lines("%d %s\r\n", zip(count(first), uidls, strict=False), len(uidls), skip)


def _lines(line: str, pairs: Iterable[tuple[int, object]], size: int, skip: Container[int] | None) -> bytes:
    if skip:
        kept = [pair for pair in pairs if pair[0] not in skip]
        pairs, size = kept, len(kept)
    return (line * size % tuple(chain.from_iterable(pairs))).encode("ascii")
