"""Readers of single values: TOML's in, the settings' out. Each raises `Wrong` with a sentence.

No sentence shows a value that could be a secret in the wrong place.
"""

import math
import re
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from bridge.config.problems import listed, suggestion
from bridge.model.settings import Span
from bridge.search import SearchMistake, parse

Read = Callable[[object], object]

NOT_SUPPORTED = "not supported by this version"

LONGEST = 100 * 365.25 * 86400
"""Seconds in a century: no duration is meant to be longer, and none may overflow."""

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?([smhdw]?)")
_SIZES = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_SIZE = re.compile(r"([0-9]{1,18}) ?([KMG]i?B|)")
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_HOST = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?")
_SPECIAL_USES = ("\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Important", "\\Junk", "\\Sent", "\\Trash")
"""RFC 6154 §2 and RFC 8457 §3."""


class Wrong(ValueError):
    """A value is not what its key wants; `str()` is the sentence."""


class Address(NamedTuple):
    """Where to listen: host and port, or the name of a socket that systemd passes."""

    host: str
    port: int
    systemd: str = ""


def text(value: object) -> str:
    """A text that is not empty and fits on one line."""
    if not isinstance(value, str):
        raise Wrong('must be text in quotes ("…")')
    if not value.strip():
        raise Wrong("must not be empty")
    if any(ord(char) < 32 or ord(char) == 127 for char in value):
        raise Wrong("must not hold control characters or line breaks")
    return value


def secret_text(value: object) -> str:
    """A secret: as a text, but blanks are part of it."""
    if not isinstance(value, str):
        raise Wrong('must be text in quotes ("…")')
    if not value:
        raise Wrong("must not be empty")
    if any(char in value for char in "\0\r\n"):
        raise Wrong("must not hold NUL or line breaks")
    return value


def boolean(value: object) -> bool:
    """True or false, and not as text."""
    if isinstance(value, bool):
        return value
    quoted = isinstance(value, str) and value.strip().lower() in {"true", "false", "yes", "no", "on", "off"}
    raise Wrong("must be true or false, without quotes" if quoted else "must be true or false")


def whole(lowest: int, highest: int) -> Callable[[object], int]:
    """A whole number within bounds."""

    def read(value: object) -> int:
        if isinstance(value, str) and value.strip().isdecimal():
            raise Wrong("must be a whole number, without quotes")
        if isinstance(value, bool) or not isinstance(value, int):
            raise Wrong("must be a whole number")
        if not lowest <= value <= highest:
            raise Wrong(f"must be from {lowest} to {highest}")
        return value

    return read


def duration(lowest: float, highest: float = LONGEST, reason: str = "") -> Callable[[object], float]:
    """Seconds, or a number with one of `s m h d w`."""

    def read(value: object) -> float:
        seconds = _seconds(value)
        if not lowest <= seconds <= highest:
            most = "100 years" if highest == LONGEST else f"{highest:g} s"
            bound = f"at least {lowest:g} s" if seconds < lowest else f"at most {most}"
            raise Wrong(f"must be {bound}{reason and f' ({reason})'}")
        return float(seconds)

    return read


def _seconds(value: object) -> float:
    if isinstance(value, str) and (found := _DURATION.fullmatch(value.strip())):
        return float(found[1]) * _UNITS[found[2]]
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or (isinstance(value, float) and not math.isfinite(value)):
        raise Wrong('must be a duration: seconds, or a number with s, m, h, d or w, such as 20 or "1h"')
    assert isinstance(value, (int, float))
    return value


def size(value: object) -> int:
    """Octets, or a number with one of `KB MB GB KiB MiB GiB`."""
    if isinstance(value, str) and (found := _SIZE.fullmatch(value.strip())):
        return int(found[1]) * _SIZES[found[2]]
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63:
        return value
    raise Wrong('must be a size: octets, or a number with KB, MB, GB, KiB, MiB or GiB, such as 65536 or "4MB"')


def choice(*names: str) -> Callable[[object], str]:
    """One of a few names."""

    def read(value: object) -> str:
        if not isinstance(value, str) or value not in names:
            raise Wrong(f"must be {listed(names)}{suggestion(value, names) if isinstance(value, str) else ''}")
        return value

    return read


def known(names: tuple[str, ...], what: str) -> Callable[[object], str]:
    """One name of a registry that may be long, or still empty."""

    def read(value: object) -> str:
        name = text(value)
        if name not in names:
            close = suggestion(name, names)
            raise Wrong(f"there is no such {what}{close}" if names else f"there are no {what}s in this version")
        return name

    return read


def name(value: object) -> str:
    """The name of an account."""
    if not _NAME.fullmatch(text(value)):
        raise Wrong("must be made of A-Z a-z 0-9 _ . - only")
    return str(value)


def host(value: object) -> str:
    """A host's name or address."""
    found = text(value)
    if _is_address(found) or _HOST.fullmatch(found):
        return found
    if "://" in found or ":" in found:
        raise Wrong("must be a host's name or address alone; the port has a key of its own")
    raise Wrong("must be a host's name or address")


def network(value: object) -> str:
    """A network in CIDR, or one address."""
    found = text(value)
    try:
        return str(ip_network(found))
    except ValueError:
        pass
    try:
        loose = ip_network(found, strict=False)
    except ValueError:
        raise Wrong('must be a network such as "192.168.1.0/24", or one address') from None
    raise Wrong(f"has bits set behind its prefix (did you mean '{loose}'?)")


def address(value: object) -> Address:
    """Where to listen: `HOST:PORT`, `[IPV6]:PORT`, or `systemd:NAME`."""
    found = text(value)
    if found.startswith("systemd:"):
        return Address("", 0, name(found.removeprefix("systemd:")))
    where, colon, port = found.rpartition(":")
    if not colon or not (port.isascii() and port.isdecimal()) or len(port) > 5 or int(port) > 65535:
        raise Wrong('must end in a port from 0 to 65535, such as "0.0.0.0:110"')
    if where in {"", "*"}:
        raise Wrong(f"must name a host (did you mean '0.0.0.0:{port}' or '[::]:{port}'?)")
    bare = where[1:-1] if where.startswith("[") and where.endswith("]") else where
    if ":" in where and bare == where:
        raise Wrong('must have an IPv6 address in brackets, such as "[::]:995"')
    if bare != where and not (_is_address(bare) and ":" in bare):
        raise Wrong("has something in its brackets that is not an IPv6 address")
    return Address(host(bare), int(port))


def tcp_address(value: object) -> Address:
    """`HOST:PORT`, or `[IPV6]:PORT`."""
    found = address(value)
    if found.systemd:
        raise Wrong('must be an address such as "127.0.0.1:9110"')
    return found


def mailbox(value: object) -> str:
    """A mailbox's name as people write it, or a special use; INBOX in capitals."""
    found = text(value)
    if found.upper() == "INBOX":
        return "INBOX"
    if not found.startswith("\\"):
        return found
    for use in _SPECIAL_USES:
        if found.lower() == use.lower():
            return use
    raise Wrong(f"there is no such special use{suggestion(found, _SPECIAL_USES)}")


def file_name(value: object) -> str:
    """A path, absolute or relative to the file."""
    if text(value).split("/")[0].startswith("~"):
        raise Wrong("must be a whole path: '~' is not replaced by a home directory")
    return str(value)


def span(value: object, choices: str = '"all"') -> Span:
    """`all`, an age such as `30d`, or a count such as `200`."""
    if isinstance(value, int) and not isinstance(value, bool):
        return Span("newest", _most(value))
    found = text(value)
    if found == "all":
        return Span()
    if found.isascii() and found.isdecimal():
        # Python takes no number of more than 4300 digits.
        return Span("newest", _most(int(found[:20])))
    if not _DURATION.fullmatch(found) or not found[-1].isalpha():
        raise Wrong(f'must be {choices}, an age such as "30d", or a count such as "200"')
    return Span("age", int(duration(1)(found)))


def _most(count: int) -> int:
    if not 1 <= count <= 10**9:
        raise Wrong("must be a count from 1 to 1000000000")
    return count


def first_contact(value: object) -> Span:
    """`now`, or a span."""
    return Span("now") if value == "now" else span(value, '"all", "now"')


def source(value: object) -> str:
    """`ACCOUNT` or `ACCOUNT/MAILBOX`."""
    account, slash, rest = text(value).partition("/")
    name(account)
    return f"{account}/{mailbox(rest)}" if slash else account


def search(value: object) -> str:
    """An IMAP search key; empty for one that all messages match."""
    found = text(value)
    try:
        return "" if parse(found) == ("ALL",) else found
    except SearchMistake as mistake:
        raise Wrong(str(mistake)) from None


def any_table(value: object) -> dict[str, object]:
    """A table whatever is in it."""
    if not isinstance(value, dict):
        raise Wrong("must be a table")
    return value


def texts(value: object) -> tuple[str, ...]:
    """One text, or a list of them."""
    parts = value if isinstance(value, list) else [value]
    if not parts:
        raise Wrong("must not be empty")
    return tuple(file_name(part) for part in parts)


def _is_address(found: str) -> bool:
    try:
        ip_address(found)
    except ValueError:
        return False
    return True
