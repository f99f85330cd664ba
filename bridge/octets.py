"""CRLF repair: one streaming pass that turns whatever ends lines upstream into CRLF, and counts the octets it gives."""


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
        ends = body.count(b"\r\n")
        if body.count(b"\n") != ends or body.count(b"\r") != ends:
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


def _repair(body: bytes) -> bytes:
    """Repair octets that do not end in CR. A few passes at memory speed, whatever mix of line ends there is."""
    lines = body.replace(b"\r\n", b"\n")
    if b"\r\n" in lines:  # runs of CRs before an LF
        *ended, last = lines.split(b"\n")
        lines = b"\n".join([*(line.rstrip(b"\r") for line in ended), last])
    return lines.replace(b"\r", b"\n").replace(b"\n", b"\r\n")
