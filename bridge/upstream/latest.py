"""Small messages that were fetched a short while ago to be counted: whoever wants one soon after finds it here."""

from collections.abc import Sequence
from typing import Self

import trio

from bridge.model.names import MailboxName, Uid, UidValidity

OCTETS = 256 * 1024
"""Kept of an account, at most."""

LARGEST = 64 * 1024
"""A longer message is not kept."""

FEW = 20
"""Messages counted at once that may be new mail. More are what was there before: nobody comes for all of it soon."""

SECONDS = 900.0
"""How long one is kept: as long as a device that polls every ten minutes may take to come."""

Place = tuple[MailboxName, UidValidity, Uid]


class Latest:
    """Messages of one account, the oldest of which make room for new ones.

    What lies at a place never changes (RFC 3501 §2.3.1.1). Servers that do not keep to that are seen by what they list:
    so nothing is kept that is listed again.
    """

    def __init__(self) -> None:
        self._texts: dict[Place, tuple[float, bytes]] = {}
        self._octets = 0

    def put(self, place: Place, pieces: Sequence[bytes]) -> None:
        """Keep a whole message as the server has it."""
        self._drop(place)
        text = b"".join(pieces)
        if not 0 < len(text) <= LARGEST:
            return
        self._texts[place] = (trio.current_time(), text)
        self._octets += len(text)
        while self._octets > OCTETS:
            self._drop(next(iter(self._texts)))

    def get(self, place: Place) -> bytes | None:
        """Give a message, which stays."""
        found = self._texts.get(place)
        if found is None:
            return None
        came, text = found
        if trio.current_time() < came + SECONDS:
            return text
        self._drop(place)
        return None

    def listed_anew(self, mailbox: MailboxName, first: Uid) -> None:
        """Keep nothing of a mailbox from a UID on, because the server tells anew what lies there."""
        for place in [place for place in self._texts if place[0] == mailbox and place[2] >= first]:
            self._drop(place)

    def _drop(self, place: Place) -> None:
        found = self._texts.pop(place, None)
        if found is not None:
            self._octets -= len(found[1])


class Here:
    """A message that is here, read like any other."""

    def __init__(self, text: bytes) -> None:
        self._text = text

    async def __aenter__(self) -> Self:
        await trio.lowlevel.checkpoint_if_cancelled()
        return self

    async def __aexit__(self, *_: object) -> None:
        await trio.lowlevel.cancel_shielded_checkpoint()

    async def receive(self) -> bytes:
        """Give all of it, then `b""`. Waits for nothing but the others' turn."""
        await trio.lowlevel.checkpoint()
        text, self._text = self._text, b""
        return text
