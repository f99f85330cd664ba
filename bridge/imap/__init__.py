"""The IMAP client protocol, sans-IO: bytes in, events out; commands in, bytes out. Pure: no clock, no network."""

from bridge.imap import commands
from bridge.imap.commands import Command
from bridge.imap.connection import ImapConnection
from bridge.imap.errors import ImapMisuse, ImapProtocolError, UnsendableArgument
from bridge.imap.events import Event
from bridge.imap.sets import UidSet

__all__ = [
    "Command",
    "Event",
    "ImapConnection",
    "ImapMisuse",
    "ImapProtocolError",
    "UidSet",
    "UnsendableArgument",
    "commands",
]
