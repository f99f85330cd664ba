"""Byte-stuffing (RFC 1939 §3) on chunks of lines that end in CRLF."""


class Stuffer:
    """Doubles a dot at the start of a line, whatever the chunks."""

    __slots__ = ("_at_start", "_tail")

    def __init__(self) -> None:
        self._at_start = True
        self._tail = b""

    def feed(self, chunk: bytes) -> bytes:
        """Give the chunk stuffed; the chunk itself where no line begins with a dot."""
        if not chunk:
            return chunk
        stuffed = chunk.replace(b"\n.", b"\n..") if b"\n." in chunk else chunk
        if self._at_start and chunk.startswith(b"."):
            stuffed = b"." + stuffed
        self._at_start = chunk.endswith(b"\n")
        self._tail = (self._tail + chunk[-2:])[-2:]
        return stuffed

    @property
    def ended(self) -> bool:
        """True when the lines so far are whole, so that the final dot may follow."""
        return self._tail in {b"", b"\r\n"}
