"""The index: refresh, commit, publish; measuring; carrying out intents."""

from bridge.index.account import IndexedAccount
from bridge.index.intents import IntentRunner
from bridge.index.maildrops import DeviceMaildrops

__all__ = ["DeviceMaildrops", "IndexedAccount", "IntentRunner"]
