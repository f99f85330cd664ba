"""TOP, cut from the octets that RETR sends."""


class TopCut:
    """Passes the header, the empty line and the first `lines` lines of the body of repaired octets."""

    __slots__ = ("_in_body", "_left", "_line_empty", "done")

    def __init__(self, lines: int) -> None:
        self.done = False
        self._left = lines
        self._in_body = False
        self._line_empty = True

    def feed(self, chunk: bytes) -> bytes:
        """Give the part of the chunk that belongs to the answer; `done` is set once it is whole."""
        if self.done:
            return b""
        at = 0
        if not self._in_body:
            at = self._header(chunk)
            if not self._in_body:
                return chunk
        return chunk[: self._body(chunk, at)]

    def finish(self) -> bytes:
        """Give what is owed at the message's end: nothing, for the octets end their last line themselves."""
        self.done = True
        return b""

    def _header(self, chunk: bytes) -> int:
        """Look for the empty line; gives where the body begins."""
        at = 0
        while at < len(chunk):
            end = chunk.find(b"\n", at)
            if end < 0:
                self._line_empty = self._line_empty and not chunk[at:].strip(b"\r")
                return len(chunk)
            if self._line_empty and not chunk[at:end].strip(b"\r"):
                self._in_body = True
                return end + 1
            self._line_empty = True
            at = end + 1
        return at

    def _body(self, chunk: bytes, at: int) -> int:
        while self._left:
            end = chunk.find(b"\n", at)
            if end < 0:
                return len(chunk)
            self._left -= 1
            at = end + 1
        self.done = True
        return at
