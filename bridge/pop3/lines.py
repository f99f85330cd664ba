"""Lines from octets: LF or CRLF ended, bounded, each octet looked at once."""

from dataclasses import dataclass

from bridge.pop3.limits import COMMAND_LINE, SKIPPED


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its end."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Overlong:
    """A line that was too long, told once and skipped to its end; `hopeless` when no end is in sight."""

    hopeless: bool = False


class LineReader:
    """Buffers input and cuts lines from it. `limit` is in octets, line end included."""

    def __init__(self) -> None:
        self.limit = COMMAND_LINE
        self.scanned = 0
        self._buffer = bytearray()
        self._looked = 0
        self._skipped = 0

    def feed(self, data: bytes) -> None:
        """Take octets as they came."""
        self._buffer += data

    def discard(self) -> None:
        """Forget everything that has arrived and was not read."""
        self._buffer.clear()
        self._looked = self._skipped = 0

    def peek(self) -> bytes:
        """Give the first octets, as far as they have come, to tell other protocols by."""
        return bytes(self._buffer[:8])

    def next(self) -> Line | Overlong | None:
        """Give the next line, or None until one is whole."""
        end = self._buffer.find(b"\n", self._looked)
        self.scanned += (len(self._buffer) if end < 0 else end + 1) - self._looked
        if end < 0:
            return self._unfinished()
        return self._cut(end)

    def _cut(self, end: int) -> Line | Overlong | None:
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self._looked = 0
        if self._skipped:
            self._skipped = 0
            return self.next()
        if end + 1 > self.limit:
            return Overlong()
        return Line(line.removesuffix(b"\r"))

    def _unfinished(self) -> Overlong | None:
        self._looked = len(self._buffer)
        if self._looked < self.limit and not self._skipped:
            return None
        told = self._skipped > 0
        self._skipped += self._looked
        self._buffer.clear()
        self._looked = 0
        if self._skipped > max(SKIPPED, self.limit):
            return Overlong(hopeless=True)
        return None if told else Overlong()
