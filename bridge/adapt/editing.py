"""What a source adds to the headers of its messages: where a message comes from, and a mark in front of its subject.

How many octets that is depends on nothing but the source and whether there is a Subject, so that a size is known
before the message was seen.
"""

from bridge.octets import HeaderScan

_FROM = b"From "
"""What an mbox begins a message with: no header field, and no longer what it is when it is not the first line."""

_BEFORE_TEXT = b" \t\r"
"""What follows the colon of a Subject whose text stands apart from it, or which has none on that line."""


def extra(mark: str, provenance: str, subject: bool) -> int:
    """Give how many octets `HeaderEditing` adds to a message, which has a Subject or not as `HeaderScan` finds it."""
    added = len(_source_line(provenance))
    if mark:
        added += len(_text(mark)) + 1 if subject else len(_subject_line(_text(mark)))
    return added


class HeaderEditing:
    """Edits one message fed as repaired chunks; what comes out does not depend on how the message was cut.

    `provenance` becomes an X-Popbridge-Source field, the first line (the second of what begins as in an mbox). `mark`
    goes in front of the text of the first Subject; where there is none a Subject is added at the header's end, which is
    the message's where it has no empty line. Either is left out when it is empty. Both are a header's text, printable
    ASCII. Keeps back four octets at most, however long a line is.
    """

    __slots__ = ("_provenance", "_subject")

    def __init__(self, mark: str, provenance: str) -> None:
        self._provenance = _Provenance(_source_line(provenance))
        self._subject = _SubjectMark(mark)

    def feed(self, chunk: bytes) -> bytes:
        """Give the edited octets of `chunk`: the very same object once both edits are done."""
        return self._provenance.feed(self._subject.feed(chunk))

    def finish(self) -> bytes:
        """Give what is still owed when the message has ended: of a message with an empty line, nothing."""
        return self._provenance.feed(self._subject.finish()) + self._provenance.finish()


class _Provenance:
    """Puts a line in front of a message, or behind its mbox line."""

    __slots__ = ("_held", "_line", "_mbox", "_over")

    def __init__(self, line: bytes) -> None:
        self._line = line
        self._over = not line
        self._mbox = False
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        if self._over or not chunk:
            return chunk
        if not self._mbox:
            chunk = self._held + chunk
            if len(chunk) < len(_FROM) and _FROM.startswith(chunk):
                self._held = chunk
                return b""
            self._held = b""
            if not chunk.startswith(_FROM):
                self._over = True
                return self._line + chunk
            self._mbox = True
        end = chunk.find(b"\n") + 1
        if not end:
            return chunk
        self._over = True
        return chunk[:end] + self._line + chunk[end:]

    def finish(self) -> bytes:
        if self._over:
            return b""
        self._over = True
        return self._line + self._held


class _SubjectMark:
    """Puts the mark in front of the Subject's text, or a Subject where the header ends without one."""

    __slots__ = ("_due", "_fed", "_mark", "_over", "_scan")

    def __init__(self, mark: str) -> None:
        self._mark = _text(mark)
        self._over = not mark
        self._scan = HeaderScan()
        self._fed = 0
        self._due = False  # the colon was the last octet so far, and what follows it decides on the blank

    def feed(self, chunk: bytes) -> bytes:
        if self._over or not chunk:
            return chunk
        if self._due:
            self._over = True
            return self._in_front_of(chunk) + chunk
        self._scan.feed(chunk)
        at = self._scan.place - self._fed
        self._fed += len(chunk)
        if not self._scan.done:
            return chunk
        if self._scan.subject and at == len(chunk):
            self._due = True
            return chunk
        self._over = True
        added = self._in_front_of(chunk[at : at + 1]) if self._scan.subject else _subject_line(self._mark)
        return chunk[:at] + added + chunk[at:]

    def finish(self) -> bytes:
        if self._over:
            return b""
        self._over = True
        return self._in_front_of(b"\r") if self._due else _subject_line(self._mark)

    def _in_front_of(self, text: bytes) -> bytes:
        """Give the mark, and a blank on the side where it would touch something (RFC 2047 §5)."""
        return b" " + self._mark if text[0] in _BEFORE_TEXT else self._mark + b" "


def _source_line(provenance: str) -> bytes:
    return b"X-Popbridge-Source: %b\r\n" % _text(provenance) if provenance else b""


def _subject_line(mark: bytes) -> bytes:
    return b"Subject: %b\r\n" % mark


def _text(text: str) -> bytes:
    """Give the text as octets that cannot end the line, whatever a mailbox is called."""
    return "".join(filter(str.isprintable, text)).encode("ascii", "replace")
