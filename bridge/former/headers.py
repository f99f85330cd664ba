"""What of a message's header tells which message it is, gathered line by line."""

from bridge.identity import IDENTITY_FIELDS, content_identity

FIELD_LIMIT = 16_384
"""Octets of a field that are kept: more than any server hands on of one (RFC 5322 §2.1.1 wants lines below 1000)."""

_NAMES = frozenset(name.encode() for name in IDENTITY_FIELDS)


class HeaderFields:
    """Takes the lines of a message and keeps the five fields of its identity, so that memory is bounded."""

    def __init__(self) -> None:
        self._kept: list[bytes] = []
        self._room = 0
        self._over = False

    def take(self, line: bytes) -> None:
        """Look at the next line; after the empty line that ends the header none matters."""
        if self._over:
            return
        if not line:
            self._over = True
            return
        if line[:1] not in (b" ", b"\t"):
            name = line.partition(b":")[0].rstrip(b" \t").upper()
            self._room = FIELD_LIMIT if name in _NAMES else 0
        if self._room > 0:
            self._kept.append(line[: self._room])
            self._room -= len(line)

    @property
    def fields(self) -> bytes:
        """The fields as a header block."""
        return b"\r\n".join(self._kept)

    def identity(self) -> str:
        """Give the content's identity as it is without an INTERNALDATE, which POP3 does not tell."""
        return content_identity(self.fields, 0)
