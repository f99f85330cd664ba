"""One session per device (RFC 1939 §4 wants the maildrop locked), without dead sessions locking their owner out."""

from collections.abc import Iterator
from contextlib import contextmanager

import trio

from bridge.model.failures import MaildropInUse
from bridge.model.names import DeviceId
from bridge.session.ports import Holder

SAME_PEER_SILENCE = 5.0
"""Seconds of silence after which a correct login from the same address takes over: a device that was reset."""

OTHER_PEER_SILENCE = 60.0
"""Seconds of silence after which one from elsewhere does: a device that changed its address."""


GRACE = 1.0
"""Seconds that a login waits for the session before it to end: a device that dropped the line and comes straight
back should not be told that it is in use by itself."""


class Leases:
    """The leases of all devices, in memory: a restart frees them, as it ends every session."""

    def __init__(self) -> None:
        self._holders: dict[DeviceId, Holder] = {}
        self._freed = trio.Event()

    def __len__(self) -> int:
        return len(self._holders)

    def held(self, device: DeviceId) -> bool:
        """True while a session of this device is open."""
        return device in self._holders

    async def settle(self, holder: Holder) -> None:
        """Wait a moment for a session that is about to end, if there is one in the way."""
        if holder.device not in self._holders:
            return
        with trio.move_on_after(GRACE):
            while (former := self._holders.get(holder.device)) is not None and not _may_take_over(former, holder):
                await self._freed.wait()

    @contextmanager
    def take(self, holder: Holder) -> Iterator[None]:
        """Hold the device's lease for the block. Raises `MaildropInUse` while another session rightly has it."""
        former = self._holders.get(holder.device)
        if former is not None:
            if not _may_take_over(former, holder):
                raise MaildropInUse(f"device {holder.device}: another session from {former.peer} is open")
            former.lose()
        self._holders[holder.device] = holder
        try:
            yield
        finally:
            if self._holders.get(holder.device) is holder:
                del self._holders[holder.device]
                self._freed.set()
                self._freed = trio.Event()


def _may_take_over(former: Holder, newcomer: Holder) -> bool:
    if former.updating:
        return False
    silence = former.silent_for()
    if former.peer.host == newcomer.peer.host:
        return silence >= SAME_PEER_SILENCE
    return silence >= OTHER_PEER_SILENCE and not former.busy
