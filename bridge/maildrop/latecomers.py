"""Copies that came while their originals were there, and that the device sees first when these are gone: most programs
move by COPY, and some expunge hours later.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from bridge.maildrop.device import DeviceRecord
from bridge.maildrop.ground import Candidate, Ground
from bridge.model.devices import Kin, Succession
from bridge.model.names import EntrySeq
from bridge.model.settings import DeviceSettings


class Latecomers(NamedTuple):
    """`heirs` take the places of their originals, as `succeed` says; `copies` are of what the device does not see any
    more, with that; `rest` is neither.
    """

    heirs: list[Candidate]
    succeed: list[Succession]
    copies: list[tuple[EntrySeq, EntrySeq]]
    rest: list[Candidate]


def latecomers(
    device: DeviceSettings,
    record: DeviceRecord,
    ground: Ground,
    kin: Iterable[Kin],
    found: Sequence[Candidate],
    taken: Collection[EntrySeq],
    expired: Collection[EntrySeq],
) -> Latecomers:
    """Tell such copies from what is new. Originals that are `taken` have their heirs; the `expired` left the window.

    An original has one heir. What the device deleted has none, and unless it wants to see all copies, shows no more.
    """
    originals: defaultdict[EntrySeq, list[EntrySeq]] = defaultdict(list)
    for copy, original, near in sorted(kin):
        if (near or device.deduplicate == "all") and ground.locate(original) is None:
            originals[copy].append(original)
    sorted_out = Latecomers([], [], [], [])
    gone = set(taken)
    for one in found:
        for original in originals.get(one.seq, ()):
            if original in record.hidden or original in expired:
                if device.deduplicate == "off":
                    continue
                sorted_out.copies.append((one.seq, original))
            elif original in gone:
                continue
            else:
                gone.add(original)
                sorted_out.heirs.append(one)
                sorted_out.succeed.append(Succession(original, one.seq, record.name(original)))
            break
        else:
            sorted_out.rest.append(one)
    return sorted_out
