"""What can be asked of a message's body: `BODY[section]<origin.length>` (RFC 3501 §6.4.5)."""

import re
from dataclasses import dataclass

_ASKED = re.compile(r"BODY(?P<peek>\.PEEK)?\[(?P<section>[^\]]*)\](?:<(?P<origin>[0-9]+)\.(?P<length>[1-9][0-9]*)>)?")
_SECTION = re.compile(r"(?:|HEADER|TEXT|HEADER\.FIELDS(?:\.NOT)? \((?P<fields>[!-9;-~]+(?: [!-9;-~]+)*)\))")
_BLANK = re.compile(rb"\r?\n(?:\r?\n)")
_FIELD = re.compile(rb"^([!-9;-~]+)[ \t]*:.*\r?\n(?:[ \t].*\r?\n)*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Body:
    """One body item as asked. `label` is how the answer names it."""

    label: str
    section: str
    peek: bool
    origin: int | None = None
    length: int = 0

    def cut(self, octets: bytes) -> bytes:
        """Give the octets asked for."""
        found = _section(octets, self.section)
        return found if self.origin is None else found[self.origin : self.origin + self.length]


def parse_body(text: str) -> Body | None:
    """Parse a FETCH item in capitals; None when it asks for no body, or for what the sandbox has not."""
    if text in _OLD:
        return _OLD[text]
    match = _ASKED.fullmatch(text)
    if match is None or not _SECTION.fullmatch(match["section"]):
        return None
    label = f"BODY[{match['section']}]"
    if match["origin"] is None:
        return Body(label, match["section"], match["peek"] is not None)
    origin = int(match["origin"])
    return Body(f"{label}<{origin}>", match["section"], match["peek"] is not None, origin, int(match["length"]))


_OLD = {
    "RFC822": Body("RFC822", "", peek=False),
    "RFC822.HEADER": Body("RFC822.HEADER", "HEADER", peek=True),
    "RFC822.TEXT": Body("RFC822.TEXT", "TEXT", peek=False),
}


def header_of(octets: bytes) -> bytes:
    """Give the header with its empty line; all of it where there is none."""
    if octets.startswith((b"\r\n", b"\n")):
        return octets[: octets.index(b"\n") + 1]
    match = _BLANK.search(octets)
    return octets[: match.end()] if match else octets


def fields_of(header: bytes) -> list[tuple[bytes, bytes]]:
    """Give each field: its name in capitals, and its octets."""
    whole = header if header.endswith(b"\n") else header + b"\r\n"
    return [(match[1].upper(), match[0]) for match in _FIELD.finditer(whole)]


def _section(octets: bytes, section: str) -> bytes:
    if not section:
        return octets
    header = header_of(octets)
    if section == "HEADER":
        return header
    if section == "TEXT":
        return octets[len(header) :]
    kind, _, listed = section.partition(" ")
    wanted = {name.encode() for name in listed.strip("()").split(" ")}
    keep = kind == "HEADER.FIELDS"
    return b"".join(field for name, field in fields_of(header) if (name in wanted) == keep) + b"\r\n"
