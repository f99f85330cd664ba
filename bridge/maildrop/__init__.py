"""Snapshots, re-matching, unique-ids, what a device is shown, and the plan for UPDATE. Pure."""

from bridge.maildrop.admission import decide, takes_long
from bridge.maildrop.build import build
from bridge.maildrop.device import DeviceRecord
from bridge.maildrop.ground import SourceView
from bridge.maildrop.plan import unacknowledged_plan, update_plan
from bridge.maildrop.rematch import NewPlace, pair
from bridge.maildrop.snapshot import MailboxSnapshot, from_messages, in_one
from bridge.maildrop.suspicion import suspicious
from bridge.maildrop.unique_ids import namer, unique_id
from bridge.maildrop.view import Maildrop, SourceEdit

__all__ = [
    "DeviceRecord",
    "MailboxSnapshot",
    "Maildrop",
    "NewPlace",
    "SourceEdit",
    "SourceView",
    "build",
    "decide",
    "from_messages",
    "in_one",
    "namer",
    "pair",
    "suspicious",
    "takes_long",
    "unacknowledged_plan",
    "unique_id",
    "update_plan",
]
