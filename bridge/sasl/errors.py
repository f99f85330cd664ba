"""How this room fails."""

from bridge.model.failures import BridgeError


class SaslError(BridgeError):
    """A SASL message is not what its mechanism asks for. `str()` says what is wrong and shows none of it."""
