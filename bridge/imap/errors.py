"""How this room fails."""

from bridge.model.failures import BridgeError


class ImapProtocolError(BridgeError):
    """What arrived cannot be IMAP, or goes beyond a limit. The connection is of no more use: close it."""


class UnsendableArgument(BridgeError):
    """An argument that no IMAP command can carry, such as a name with a NUL. Nothing was sent."""


class ImapMisuse(RuntimeError):
    """A command was sent where the protocol leaves no room for it: a mistake in the program, not of the server."""
