"""Snapshots, merging, unique-ids and the plan for UPDATE. Pure."""

from bridge.maildrop.plan import update_plan
from bridge.maildrop.snapshot import MailboxSnapshot, from_messages
from bridge.maildrop.unique_ids import unique_id
from bridge.maildrop.view import Maildrop, merge

__all__ = ["MailboxSnapshot", "Maildrop", "from_messages", "merge", "unique_id", "update_plan"]
