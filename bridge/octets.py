"""Line ends as POP3 wants them, repaired and counted in one pass over chunks."""

import re

_BARE_CR = re.compile(rb"\r+(?!\n)")
_MANY_CR = re.compile(rb"\r\r+\n")
_BARE_LF = re.compile(rb"(?<!\r)\n")


class CrlfRepair:
    """Makes every line end CRLF, whatever the chunks: a bare LF, a bare CR, and CR CR LF each become one CRLF.

    A bare CR counts as a line end because an old device may take it for one, and would then see a dot behind it
    that was never stuffed. No octets in give no octets out; otherwise the last line is ended too.
    """

    __slots__ = ("_held", "_last", "octets")

    def __init__(self) -> None:
        self.octets = 0
        self._held = b""
        self._last = b""

    def feed(self, chunk: bytes) -> bytes:
        """Give the repaired octets that are certain by now; a CR at the chunk's end waits for the next."""
        data = self._held + chunk if self._held else chunk
        kept = len(data) - len(data.rstrip(b"\r")) if data.endswith(b"\r") else 0
        self._held = b""
        if kept:
            self._held, data = data[-kept:], data[:-kept]
            # However many CRs wait, they are one line end; keeping one bounds what is held.
            self._held = b"\r"
        return self._count(_repair(data))

    def finish(self) -> bytes:
        """Give what is still owed: the end of the last line, or nothing."""
        if self._held:
            self._held = b""
            return self._count(b"\r\n")
        return self._count(b"\r\n") if self.octets and self._last != b"\n" else b""

    def _count(self, data: bytes) -> bytes:
        if data:
            self.octets += len(data)
            self._last = data[-1:]
        return data


def _repair(data: bytes) -> bytes:
    ends = data.count(b"\r\n")
    if data.count(b"\n") == ends == data.count(b"\r"):
        return data
    data = _MANY_CR.sub(b"\r\n", data)
    data = _BARE_CR.sub(b"\r\n", data)
    return _BARE_LF.sub(b"\r\n", data)
