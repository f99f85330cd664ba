"""One message on its way from upstream to a device."""

from bridge.model.places import MeasuredMessage
from bridge.octets import CrlfRepair, HeaderScan


class Outgoing:
    """Repairs a message's line ends as it streams by, and measures it on the way.

    `octets` is what was given so far, as a device counts it (RFC 1939 §11).
    """

    def __init__(self) -> None:
        self.octets = 0
        self._repair = CrlfRepair()
        self._scan = HeaderScan()

    def feed(self, chunk: bytes) -> bytes:
        """Give what of the next upstream octets is to be sent now."""
        return self._given(self._repair.feed(chunk))

    def finish(self) -> bytes:
        """Give what ends the message."""
        return self._given(self._repair.finish())

    @property
    def measured(self) -> MeasuredMessage:
        """What the message itself counts to, once it is finished."""
        return MeasuredMessage(self._repair.octets, self._scan.subject)

    def _given(self, repaired: bytes) -> bytes:
        if not self._scan.done:
            self._scan.feed(repaired)
        self.octets += len(repaired)
        return repaired
