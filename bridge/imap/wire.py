"""What has arrived and is not read yet: lines, literals, and what the fast path reads. No octet is looked at often."""

from typing import Final

from bridge.imap.errors import ImapProtocolError
from bridge.imap.events import FetchedBody, FetchedRow
from bridge.imap.limits import LINE_OCTETS, ROWS
from bridge.imap.rows import ROW_OCTETS, take_body, take_listing, take_rows

BEGINNING: Final = 16
"""Octets by which a line is known that may be longer than others."""


class Input:
    """A buffer that is never searched from its beginning again. `scanned` counts octets, each time they are looked at.

    What arrives while nothing is buffered is kept as it is, without a copy, and can leave as it came.
    """

    def __init__(self) -> None:
        self.scanned = 0
        self._data: bytes | bytearray = b""
        self._at = 0  # where what is not read yet begins
        self._searched = 0  # up to here no line end was found, or it is `_end`
        self._end = -1  # where the line at `_at` ends, -1 while not known
        self._refused = -1  # the line here is none for the fast path
        self._mixed = 0  # up to here lines are read one by one, because some of them are none for the fast path

    def __len__(self) -> int:
        return len(self._data) - self._at

    def feed(self, data: bytes) -> None:
        """Append `data`."""
        if not len(self):
            self._data, self._at, self._searched, self._end, self._refused = bytes(data), 0, 0, -1, -1
            self._mixed = 0
            return
        if isinstance(self._data, bytearray):
            del self._data[: self._at]
        else:
            self._data = bytearray(memoryview(self._data)[self._at :])
        self._searched -= self._at
        self._refused -= self._at
        self._mixed = max(0, self._mixed - self._at)
        self._end = self._end - self._at if self._end >= 0 else -1
        self._at = 0
        self._data += data

    def line(self) -> bytes | None:
        """Take one line without its end, a bare LF being one as well. None while it is not whole.

        Raises `ImapProtocolError` when it is longer than `LINE_OCTETS`.
        """
        end = self._line_end()
        if self.long:
            raise ImapProtocolError("The server sent a line that is too long to be an answer.")
        if end < 0:
            return None
        line = bytes(self._data[self._at : end]).removesuffix(b"\r")
        self.scanned += len(line)
        self._advance(end + 1)
        return line

    @property
    def long(self) -> bool:
        """True once what is there of the next line is more than a line may have."""
        end = self._line_end()
        return (end if end >= 0 else len(self._data)) - self._at > LINE_OCTETS

    @property
    def beginning(self) -> bytes:
        """The first octets of the next line."""
        return bytes(self._data[self._at : self._at + BEGINNING])

    def piece(self) -> tuple[bytes, bool] | None:
        """Take a part of a line, up to a blank or comma, or the rest of it: then with True. None while too little came.

        Raises `ImapProtocolError` when there is neither in `LINE_OCTETS`.
        """
        end = self._line_end()
        upto = self._at + LINE_OCTETS
        if 0 <= end <= upto:
            rest = bytes(self._data[self._at : end]).removesuffix(b"\r")
            self.scanned += len(rest)
            self._advance(end + 1)
            return rest, True
        if len(self._data) < upto:
            return None
        cut = 1 + max(self._data.rfind(b" ", self._at, upto), self._data.rfind(b",", self._at, upto))
        if cut <= self._at:
            raise ImapProtocolError("The server sent a line that is too long to be an answer.")
        piece = bytes(self._data[self._at : cut])
        self.scanned += len(piece)
        self._at = cut
        return piece, False

    def rows(self) -> list[FetchedRow]:
        """Take whole lines of a listing, as many as fit the fast path; none when the next line does not."""
        if self._line_end() < 0 or self._refused == self._at:
            return []
        if self._at >= self._mixed:
            rows, end = take_listing(self._data, self._at)
            self.scanned += end - self._at
            if rows:
                self._advance(end)
                return rows
            self._mixed = end
        rows, end = take_rows(self._data, self._at)
        self.scanned += end - self._at
        if rows:
            self._advance(end)
        if len(rows) < ROWS:
            whole = self._line_end()
            self.scanned += min(ROW_OCTETS, (whole if whole >= 0 else len(self._data)) - self._at)
            self._refused = self._at if whole >= 0 else -1
        return rows

    def body(self) -> FetchedBody | None:
        """Take one response that is a message's text and is all there; None when the next one is another."""
        if self._line_end() < 0 or self._refused == self._at:
            return None
        found = take_body(self._data, self._at)
        if found is None:
            return None
        body, end = found
        self.scanned += end - self._at
        self._advance(end)
        return body

    def take(self, most: int) -> bytes:
        """Take up to `most` octets of what there is."""
        end = min(self._at + most, len(self._data))
        whole = self._at == 0 and end == len(self._data)
        taken = bytes(self._data) if whole else bytes(memoryview(self._data)[self._at : end])
        self.scanned += len(taken)
        self._advance(end)
        return taken

    def _line_end(self) -> int:
        if self._end < 0:
            found = self._data.find(b"\n", self._searched)
            upto = found + 1 if found >= 0 else len(self._data)
            self.scanned += upto - self._searched
            self._searched, self._end = upto, found
        return self._end

    def _advance(self, at: int) -> None:
        self._at, self._searched, self._end = at, max(self._searched, at), -1
        if at == len(self._data):
            self._data, self._at, self._searched, self._refused, self._mixed = b"", 0, 0, -1, 0
