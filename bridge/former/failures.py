"""What can go wrong when a device moves in."""

from bridge.model.failures import BridgeError


class FormerFailed(BridgeError):
    """The former server could not be read, or a file of a device's program could not. Nothing was changed."""
