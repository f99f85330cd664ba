"""COMPRESS=DEFLATE: a layer of raw deflate over all that is said, each way (RFC 4978 §3)."""

import zlib
from typing import Final

from bridge.imap.errors import ImapProtocolError
from bridge.imap.limits import UNPACKED_OCTETS

_WINDOW: Final = -12
"""4 KiB, raw, for what is sent: commands repeat only what stands a few lines before. It takes 32 KiB of memory."""

_MEMORY: Final = 5

_ANY_WINDOW: Final = -15
"""32 KiB, raw: whatever the server chose for what it sends."""


class Deflate:
    """Packs what is sent and unpacks what arrives, at most `UNPACKED_OCTETS` at a time, whatever it grows to."""

    def __init__(self) -> None:
        self._packer = zlib.compressobj(wbits=_WINDOW, memLevel=_MEMORY)
        self._unpacker = zlib.decompressobj(wbits=_ANY_WINDOW)
        self._arrived = b""
        self._more_inside = False

    def __len__(self) -> int:
        return len(self._arrived)

    @property
    def unread(self) -> bool:
        """True while `take` may give something without anything being fed."""
        return bool(self._arrived) or self._more_inside

    def pack(self, data: bytes) -> bytes:
        """Pack what is to be sent, to its end: the server can read all of it."""
        return self._packer.compress(data) + self._packer.flush(zlib.Z_SYNC_FLUSH)

    def feed(self, data: bytes) -> None:
        """Append what arrived."""
        self._arrived += data

    def take(self) -> bytes:
        """Unpack some of what arrived; nothing where its end has not come. Raises `ImapProtocolError`."""
        if self._unpacker.eof and self._arrived:
            raise ImapProtocolError("The server sent octets behind the end of what it compressed.")
        try:
            data = self._unpacker.decompress(self._arrived, UNPACKED_OCTETS)
        except zlib.error as failure:
            raise ImapProtocolError("The server sent something else than the compressed octets agreed on.") from failure
        self._arrived = self._unpacker.unused_data or self._unpacker.unconsumed_tail
        # What was held back for want of room is inside, even where all that arrived was read.
        self._more_inside = len(data) == UNPACKED_OCTETS
        return data
