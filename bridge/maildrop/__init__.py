"""Snapshots, merging, re-matching, unique-ids and the plan for UPDATE. Pure."""

from bridge.maildrop.plan import update_plan
from bridge.maildrop.rematch import NewPlace, pair
from bridge.maildrop.snapshot import MailboxSnapshot, from_messages
from bridge.maildrop.suspicion import suspicious
from bridge.maildrop.unique_ids import unique_id
from bridge.maildrop.view import Maildrop, merge

__all__ = [
    "MailboxSnapshot",
    "Maildrop",
    "NewPlace",
    "from_messages",
    "merge",
    "pair",
    "suspicious",
    "unique_id",
    "update_plan",
]
