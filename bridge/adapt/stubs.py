"""Messages of our own that stand where a device's own cannot."""

from hashlib import sha256

_STUB = (
    b"From: popbridge <popbridge@popbridge.invalid>\r\n"
    b"Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n"
    b"Subject: (this message is not here any more)\r\n"
    b"Message-ID: <%b@popbridge.invalid>\r\n"
    b"MIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=us-ascii\r\n"
    b"\r\n"
    b"This message was deleted, or has gone from its mailbox. Something stands in\r\n"
    b"its place because this device counts its messages, and would miss the next\r\n"
    b"ones if their numbers moved.\r\n"
)
"""Without the time it was asked for: it is the same whenever it is fetched."""


def position_stub(uidl: str) -> bytes:
    """Give what keeps the place of the message with this unique-id: `STUB_OCTETS` octets, whatever the id is."""
    return _STUB % sha256(uidl.encode("utf-8", "surrogateescape")).hexdigest()[:32].encode("ascii")


STUB_OCTETS = len(position_stub(""))
"""The size of every such message, line ends included, as LIST tells it."""
