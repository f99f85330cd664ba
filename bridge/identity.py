"""What a message is, wherever it lies: a digest of five fields of its header. Pure.

The identity survives a move, a new UIDVALIDITY and a change of provider, none of which a server's own ids all do.
"""

from hashlib import sha256

from bridge.model.places import NO_IDENTITY

IDENTITY_FIELDS = ("MESSAGE-ID", "DATE", "FROM", "TO", "SUBJECT")
"""The header fields that the content's identity is made of, as IMAP's BODY.PEEK[HEADER.FIELDS] is asked for them."""

SCHEME = b"1"
"""The version that goes into every digest: identities of two schemes are never equal."""

DIGITS = 32
"""Hexadecimal digits of a content identity, after the letter that says what it is made of."""

OCTETS = 16
"""Octets of a digest as snapshots keep it."""

NOTHING = bytes(OCTETS)
"""The digest of what has no identity, or none yet: equal to nothing."""

_NAMES = {name.encode(): at for at, name in enumerate(IDENTITY_FIELDS)}


def content_identity(header: bytes, date: int) -> str:
    """Give the content's identity: `m` and 32 hexadecimal digits, `d` and 32 when there is no Message-ID, or
    `NO_IDENTITY` when the header has none of the five fields.

    `header` is any header block, with LF or CRLF; other fields and what follows its empty line do not matter. Of a
    field that stands twice the first counts. `date` is INTERNALDATE in Unix seconds, used only without Message-ID.
    """
    fields = _fields(header)
    if not any(fields):
        return NO_IDENTITY
    letter = "m" if fields[0] else "d"
    parts = (SCHEME, *fields) if fields[0] else (SCHEME, *fields, b"%d" % date)
    # Length-prefixed, so that no two different headers can hash the same octets.
    octets = b"".join([b"%d:%b" % (len(part), part) for part in parts])
    return letter + sha256(octets).hexdigest()[:DIGITS]


def content_digest(text: str) -> bytes:
    """Give a content identity packed into 16 octets: zeros where it is unknown, cannot be had, or was made without a
    Message-ID, for such messages are never taken for copies of each other.
    """
    return bytes.fromhex(text[1:]) if text.startswith("m") else NOTHING


def provider_digest(text: str) -> bytes:
    """Give 16 octets for a provider's identity as listed (`emailid:…`, `gmail:…`): zeros where there is none."""
    return sha256(text.encode()).digest()[:OCTETS] if text else NOTHING


def message_id(header: bytes) -> str:
    """Give the Message-ID of a header, without any blanks; empty when there is none."""
    return _fields(header)[0].decode("utf-8", "replace")


def _fields(header: bytes) -> list[bytes]:
    """Give the values of the five fields, empty where one is missing.

    All white space is left out: servers fold, and unfold, each in its own way.
    """
    found: list[bytes | None] = [None] * len(IDENTITY_FIELDS)
    # Neither folds nor the kind of line end matter: without CR, both are a matter of one octet.
    unfolded = header.replace(b"\r", b"").replace(b"\n ", b" ").replace(b"\n\t", b" ")
    for line in unfolded.split(b"\n"):
        if not line:
            break
        name, _, value = line.partition(b":")
        at = _NAMES.get(name.rstrip(b" \t").upper())
        if at is not None and found[at] is None:
            found[at] = b"".join(value.split())
    # An id of brackets alone is no id: it would make strangers equal.
    if found[0] == b"<>":
        found[0] = None
    return [value or b"" for value in found]
