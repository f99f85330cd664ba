"""One message on its way from upstream to a device."""

from bridge.adapt import HeaderEditing
from bridge.maildrop import SourceEdit
from bridge.model.places import MeasuredMessage
from bridge.octets import CrlfRepair, HeaderScan


class Outgoing:
    """Repairs a message's line ends as it streams by, measures it, and adds to its header what its source wants there.

    `octets` is what was given so far, as a device counts it (RFC 1939 §11). Without `measure`, nobody needs `measured`.
    """

    def __init__(self, edit: SourceEdit | None, *, measure: bool = True) -> None:
        self.octets = 0
        self._measure = measure
        self._editing = None if edit is None else HeaderEditing(edit.mark, edit.provenance)
        self._repair = CrlfRepair()
        self._scan = HeaderScan()

    def feed(self, chunk: bytes) -> bytes:
        """Give what of the next upstream octets is to be sent now."""
        return self._given(self._repair.feed(chunk))

    def finish(self) -> bytes:
        """Give what ends the message."""
        given = self._given(self._repair.finish())
        owed = b"" if self._editing is None else self._editing.finish()
        self.octets += len(owed)
        return given + owed

    def whole(self, message: bytes) -> bytes:
        """Give all of a message that is here whole, as it is to be sent."""
        given, end = self.feed(message), self.finish()
        return given + end if end else given

    @property
    def measured(self) -> MeasuredMessage:
        """What the message itself counts to, without what was added, once it is finished."""
        return MeasuredMessage(self._repair.octets, self._scan.subject)

    def _given(self, repaired: bytes) -> bytes:
        if self._measure and not self._scan.done:
            self._scan.feed(repaired)
        given = repaired if self._editing is None else self._editing.feed(repaired)
        self.octets += len(given)
        return given
