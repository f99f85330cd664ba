"""The first contact of a device that is simply to see everything: decided in columns, not message by message."""

from array import array
from itertools import islice
from operator import lt

from bridge.maildrop.copies import without_copies
from bridge.maildrop.device import DeviceRecord, Examined
from bridge.maildrop.ground import Ground
from bridge.maildrop.snapshot import MailboxSnapshot
from bridge.model.devices import Admission, Announcements
from bridge.model.names import SessionId
from bridge.model.settings import DeviceSettings


def everything(
    device: DeviceSettings, record: DeviceRecord, ground: Ground, session: SessionId, now: float
) -> Admission | None:
    """Give the admission of all that the sources have, as `decide` would; None where it must be looked at message by
    message.
    """
    if not in_columns(device, record, ground):
        return None
    seqs, dates = array("q"), array("I")
    for part in ground.parts:
        ordered = _by_uid(part)
        seqs += ordered[0]
        dates += ordered[1]
    if len(ground.parts) > 1 and len(set(seqs)) != len(seqs):
        return None
    record.examined = Examined(
        parts={(part.key, part.uidvalidity): (part, ground.searched(at)) for at, part in enumerate(ground.parts)},
        waiting=seqs,
    )
    shown = tuple(view.key for view in ground.views)
    return Admission(device.id, session, now, record.next_position, announce=Announcements(seqs, dates), shown=shown)


def in_columns(device: DeviceSettings, record: DeviceRecord, ground: Ground) -> bool:
    """True when no rule, no copy and nothing that was decided before can have a say."""
    unruled = device.start.kind == "all" and device.window.kind == "all" and not device.search
    return unruled and not len(record.decided) and all(ground.unseen) and without_copies(device, ground)


def _by_uid(part: MailboxSnapshot) -> "tuple[array[int], array[int]]":
    """Give a mailbox's entries in the order of UIDs, with their dates."""
    if all(map(lt, part.uids, islice(part.uids, 1, None))):
        return part.seqs, part.dates
    rows = sorted(range(len(part)), key=lambda row: (part.uids[row], part.seqs[row]))
    return array("q", map(part.seqs.__getitem__, rows)), array("I", map(part.dates.__getitem__, rows))
