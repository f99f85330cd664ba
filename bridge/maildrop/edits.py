"""What the sources of a device add to their messages, and what that does to sizes."""

from array import array
from base64 import b64encode
from collections.abc import Callable
from operator import add

from bridge.maildrop.ground import SourceView
from bridge.maildrop.snapshot import SUBJECT_UNKNOWN, MailboxSnapshot
from bridge.maildrop.view import SourceEdit
from bridge.model.settings import DeviceSettings

Extra = Callable[[SourceEdit, bool], int]
"""Gives the octets that an edit adds to a message, which has a Subject field or not."""

ENCODED_OCTETS = 45
"""Octets of text in one encoded word, which must not be longer than 75 characters (RFC 2047 §2)."""

LONGEST = 800
"""Characters of a provenance: its line stays below 998 octets (RFC 5322 §2.1.1), whatever a mailbox is called."""


def source_edit(device: DeviceSettings, view: SourceView) -> SourceEdit | None:
    """Give what the device wants a source to add, None for nothing."""
    provenance = header_text(str(view.key)) if device.provenance else ""
    return SourceEdit(view.source.mark, provenance) if view.source.mark or provenance else None


def header_text(text: str) -> str:
    """Give text as it may stand in a header: as it is, or in encoded words (RFC 2047) where it is not printable ASCII.

    Very long text is cut.
    """
    if all(" " <= char <= "~" for char in text) and "=?" not in text:
        return text[:LONGEST]
    words: list[str] = []
    word = b""
    for char in text:
        octets = char.encode("utf-8", "replace")
        if len(word) + len(octets) > ENCODED_OCTETS:
            words.append(_encoded(word))
            word = b""
        word += octets
    words.append(_encoded(word))
    while len(" ".join(words)) > LONGEST:
        words.pop()
    return " ".join(words)


def _encoded(octets: bytes) -> str:
    return f"=?utf-8?b?{b64encode(octets).decode('ascii')}?="


def added(edit: SourceEdit | None, extra: Extra) -> tuple[int, int]:
    """Give how many octets an edit adds to a message without a Subject, and to one with it."""
    return (0, 0) if edit is None else (extra(edit, False), extra(edit, True))


def sizes_with(part: MailboxSnapshot, octets: tuple[int, int]) -> "array[int]":
    """Give the sizes of a mailbox's messages as edited: the column itself where nothing is added. A message of which it
    is not known whether it has a Subject is taken to have one.
    """
    if octets == (0, 0):
        return part.sizes
    without, with_subject = octets
    each = (with_subject, without, with_subject, with_subject)
    return array("q", map(add, part.sizes, map(each.__getitem__, part.measured)))


def measured_with(part: MailboxSnapshot, octets: tuple[int, int]) -> bytes:
    """Give which sizes are exact: where the Subject makes a difference, only those of messages looked at for one."""
    if octets[0] == octets[1]:
        return part.measured
    return part.measured.replace(bytes([SUBJECT_UNKNOWN]), b"\0")
