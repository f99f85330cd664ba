"""The index: rounds of looks, re-match, commit, publish; measuring; carrying out intents; devices' maildrops."""

from bridge.index.account import IndexedAccount, StoredState
from bridge.index.intents import IntentRunner
from bridge.index.mailbox import IndexedMailbox
from bridge.index.maildrops import DeviceMaildrops
from bridge.index.spooled import Reading

__all__ = ["DeviceMaildrops", "IndexedAccount", "IndexedMailbox", "IntentRunner", "Reading", "StoredState"]
