"""Several small messages fetched together, for somebody who wants them all before going on."""

from collections.abc import Collection

import trio

from bridge.model.failures import UpstreamError, UpstreamRefused
from bridge.model.names import Uid


class Gathering:
    """A sink of batches: `texts` are what came. It has `ended` when each message came or is known not to.

    `failure` is why the rest did not come, where that is not about single messages.
    """

    def __init__(self, uids: Collection[Uid]) -> None:
        self.texts: dict[Uid, bytes] = {}
        self.failure: UpstreamError | None = None
        self.ended = trio.Event()
        self._left = set(uids)

    def arrived(self, uid: Uid, text: list[bytes]) -> None:
        """Take one message, whole."""
        self.texts[uid] = b"".join(text)
        self._settle([uid])

    def missing(self, uids: Collection[Uid], failure: UpstreamError | None) -> None:
        """Hear that these do not come."""
        if failure is not None and not isinstance(failure, UpstreamRefused):
            self.failure = failure
        self._settle(uids)

    def _settle(self, uids: Collection[Uid]) -> None:
        self._left.difference_update(uids)
        if not self._left:
            self.ended.set()
