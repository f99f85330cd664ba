"""What TOP sends of a message: cut from the same octets as RETR's, after CRLF repair and before byte-stuffing."""

_BLANK = b"\r\n\r\n"


class TopCut:
    """Lets through the headers, the empty line, and the first `lines` lines of the body (RFC 1939 §7).

    Fed repaired chunks in order, until `done`: the rest of the message is not needed then. A message without an empty
    line is all headers, and goes through as it is.
    """

    __slots__ = ("_left", "_tail", "done")

    def __init__(self, lines: int) -> None:
        self.done = False
        self._left = lines
        # The octets before this chunk in which the empty line may have begun; None once the headers are over.
        # It starts as if a line had just ended, so that a message may begin with its empty line.
        self._tail: bytes | None = b"\r\n"

    def feed(self, chunk: bytes) -> bytes:
        """Give what of `chunk` is to be sent: all of it, its beginning, or nothing."""
        if self.done:
            return b""
        start = 0 if self._tail is None else self._end_of_headers(self._tail, chunk)
        if start < 0:
            return chunk
        ends = chunk.count(b"\n", start)
        if ends < self._left:
            self._left -= ends
            return chunk
        self.done = True
        rest = chunk[start:].split(b"\n", self._left)[-1]
        return chunk[: len(chunk) - len(rest)]

    def finish(self) -> bytes:
        """Give what is still owed when the message has ended: nothing, as no octet is ever held back."""
        return b""

    def _end_of_headers(self, tail: bytes, chunk: bytes) -> int:
        """Give where the body begins in `chunk`, or -1. Looks at the seam first, so that nothing is copied."""
        seam = (tail + chunk[:3]).find(_BLANK)
        if seam >= 0:
            found = seam + 4 - len(tail)
        else:
            found = chunk.find(_BLANK)
            found = found + 4 if found >= 0 else -1
        self._tail = (tail + chunk[-3:])[-3:] if found < 0 else None
        return found
