"""From a line to a command and its arguments."""

import re

from bridge.model.names import MsgNum
from bridge.pop3.events import Dele, Last, List, Retr, Rset, Stat, Top, UidlAsked
from bridge.pop3.limits import DIGITS

Transacted = Stat | List | UidlAsked | Retr | Top | Dele | Last | Rset

_NUMBER = re.compile(rb"[0-9]{1,%d}\Z" % DIGITS)


class Mistake(Exception):
    """A command that is not as it should be; `str()` says what is wrong."""


def split(line: bytes) -> tuple[bytes, bytes]:
    """Give the keyword in capitals and the rest, blanks at its end kept. Raises `Mistake` on a NUL octet."""
    if b"\0" in line:
        raise Mistake("a command cannot hold a NUL octet")
    keyword, _, rest = line.partition(b" ")
    return keyword.rstrip(b"\t").upper(), rest


def parse(keyword: bytes, rest: bytes) -> Transacted:
    """Read a command of the TRANSACTION state. Raises `Mistake`."""
    arguments = rest.split()
    match keyword, len(arguments):
        case b"LIST", 0:
            return List(None)
        case b"UIDL", 0:
            return UidlAsked(None)
        case b"LIST", 1:
            return List(MsgNum(number(arguments[0])))
        case b"UIDL", 1:
            return UidlAsked(MsgNum(number(arguments[0])))
        case b"RETR", 1:
            return Retr(MsgNum(number(arguments[0])))
        case b"DELE", 1:
            return Dele(MsgNum(number(arguments[0])))
        case b"TOP", 2:
            return Top(MsgNum(number(arguments[0])), number(arguments[1]))
        case ((b"STAT" | b"LAST" | b"RSET"), 0):
            return {b"STAT": Stat, b"LAST": Last, b"RSET": Rset}[keyword]()
        case _:
            raise Mistake(f"wrong arguments for {keyword.decode('ascii')}")


def number(text: bytes) -> int:
    """Read ASCII decimal digits, and nothing else that Python would take. Raises `Mistake`."""
    if not _NUMBER.match(text):
        raise Mistake("that is not a number")
    return int(text)
