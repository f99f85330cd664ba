"""Octets of messages as they stream by: CRLF repair, which also counts them, and a look at the header."""

import re
from io import IncrementalNewlineDecoder

_NAME = b"subject"
_LF, _CR, _COLON = b"\n\r:"
_BLANKS = b" \t"
_SMALL = 0x20
"""The bit that makes a letter of ASCII a small one."""
_IN_ORDER = (None, "\r\n")
"""Line ends of a chunk that needs no repair: none, or CRLF alone."""
_PROMISING = re.compile(rb"\n(?=[\rSs])")
"""The end of a line before one that is empty or may be a Subject."""
_ANOTHER = -1
"""Matched so far of a line that is no Subject: never mind how it goes on."""


class CrlfRepair:
    """Repairs line ends in a message fed as chunks; what comes out does not depend on how the message was cut.

    A bare LF, and any run of CRs before an LF, becomes one CRLF. A bare CR becomes CRLF too: an old device may take it
    for a line end and see an early dot behind it. `finish` ends an unfinished last line. Nothing in, nothing out.

    `octets` is what was given so far, counting what `finish` gave: the size a device must be told (RFC 1939 §11).
    """

    __slots__ = ("_held", "_unfinished", "octets")

    def __init__(self) -> None:
        self.octets = 0
        self._held = 0  # CRs at the end of the last chunk: a number, so that any run of them costs no memory
        self._unfinished = False

    def feed(self, chunk: bytes) -> bytes:
        """Give the repaired octets of `chunk`: the very same object when there was nothing to repair."""
        body = chunk.rstrip(b"\r")
        if not body:
            self._held += len(chunk)
            return b""
        held, self._held = self._held, len(chunk) - len(body)
        if held:
            body = b"\r" * held + body
        if not sound(body):
            body = _repair(body)
        self._unfinished = not body.endswith(b"\n")
        self.octets += len(body)
        return body

    def finish(self) -> bytes:
        """Give what ends the message: CRLF for each CR held back, or for a last line without an end, or nothing."""
        tail = b"\r\n" * (self._held or self._unfinished)
        self._held = 0
        self._unfinished = False
        self.octets += len(tail)
        return tail


def sound(octets: bytes) -> bool:
    """Tell whether every LF has its CR and every CR its LF."""
    # Tells in one pass which kinds of line ends there are: counting each kind takes four times as long.
    ends = IncrementalNewlineDecoder(None, translate=False)
    ends.decode(octets.decode("latin-1"), final=True)
    return ends.newlines in _IN_ORDER


def _repair(body: bytes) -> bytes:
    """Repair octets that do not end in CR. A few passes at memory speed, whatever mix of line ends there is."""
    lines = body.replace(b"\r\n", b"\n")
    if b"\r\n" in lines:  # runs of CRs before an LF
        *ended, last = lines.split(b"\n")
        lines = b"\n".join([*(line.rstrip(b"\r") for line in ended), last])
    return lines.replace(b"\r", b"\n").replace(b"\n", b"\r\n")


class HeaderScan:
    """Looks for the first Subject field of a message fed as repaired chunks; finds the same however it was cut.

    A Subject is a line of the header that begins with `Subject` in any case, perhaps blanks, and a colon: what RFC 5322
    §4.5 still wants to be taken for one. The header ends at the first empty line, or with the message. Once `done`, no
    further chunk tells more, and none need be fed. Keeps no octets, however long a line is.

    `place` is, once `done`, how many octets of the message come before what was found: the Subject's text, blanks in
    front of it included, or with `subject` False the empty line.
    """

    __slots__ = ("_fed", "_matched", "done", "place", "subject")

    def __init__(self) -> None:
        self.subject = False
        self.done = False
        self.place = -1
        self._fed = 0
        self._matched = 0  # octets at the start of this line that a Subject may begin with, blanks not counted

    def feed(self, chunk: bytes) -> None:
        """Look at the next octets."""
        at = 0
        while at < len(chunk) and not self.done:
            if self._matched == _ANOTHER:
                # On to a line that may be it, or to the last one, of which more may come.
                found = _PROMISING.search(chunk, at)
                end = chunk.rfind(b"\n", at) if found is None else found.start()
                if end < 0:
                    break
                self._matched = 0
                at = end + 1
            else:
                at = self._look(chunk, at)
        self._fed += len(chunk)

    def _look(self, chunk: bytes, at: int) -> int:
        """Look at the beginning of a line, or go on with one that was cut; gives where to go on from."""
        while at < len(chunk):
            octet = chunk[at]
            if self._matched == 0 and octet == _CR:
                return self._found(at, subject=False)
            if self._matched < len(_NAME):
                if octet | _SMALL != _NAME[self._matched]:
                    break
                self._matched += 1
            elif octet == _COLON:
                return self._found(at + 1, subject=True)
            elif octet not in _BLANKS:
                break
            at += 1
        else:
            return at
        self._matched = _ANOTHER
        return at

    def _found(self, at: int, *, subject: bool) -> int:
        self.subject, self.done, self.place = subject, True, self._fed + at
        return at
