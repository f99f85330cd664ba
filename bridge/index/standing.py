"""What makes a device's maildrop stand: while none of it changes, a login is given the maildrop as it is."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from operator import is_

from bridge.index.account import IndexedAccount
from bridge.maildrop import DeviceRecord, Maildrop
from bridge.model.names import AccountId
from bridge.model.settings import DeviceSettings

Ground = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """A maildrop of which a login decided that nothing is new, and what it was built from. It stands until `until`, in
    Unix seconds.
    """

    maildrop: Maildrop
    device: DeviceSettings
    record: DeviceRecord
    version: object
    ground: Ground
    until: float

    def holds(self, device: DeviceSettings, record: DeviceRecord | None, ground: Ground, now: float) -> bool:
        """Tell whether another login would come to the very same."""
        same = self.device is device and self.record is record and self.version is record.version
        return same and now <= self.until and len(ground) == len(self.ground) and all(map(is_, ground, self.ground))


def standing(maildrop: Maildrop, device: DeviceSettings, record: DeviceRecord, ground: Ground) -> Standing:
    """Note a maildrop that was built after nothing was decided about it."""
    return Standing(maildrop, device, record, record.version, ground, _until(device, record))


def ground(device: DeviceSettings, accounts: Mapping[AccountId, IndexedAccount]) -> Ground:
    """Give what the device's sources are just now. It is compared by identity: whatever is published is another
    object each time.
    """
    found: list[object] = []
    for source in device.sources:
        mailbox = accounts[source.account].mailbox_for(source.mailbox)
        if mailbox is not None:
            found += (mailbox, mailbox.parts, mailbox.found)
        else:
            found.append(None)
    return tuple(found)


def _until(device: DeviceSettings, record: DeviceRecord) -> float:
    """Say until when time alone changes nothing."""
    if device.window.kind != "age":
        return math.inf
    return -math.inf if record.examined.waiting else record.oldest + device.window.amount
