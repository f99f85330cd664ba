"""State in SQLite: the only room with SQL."""

from bridge.store.index_store import StoredMailbox
from bridge.store.lifetime import open_store, read_offline
from bridge.store.store import Store
from bridge.store.writer import Runner, in_thread, inline

__all__ = ["Runner", "Store", "StoredMailbox", "in_thread", "inline", "open_store", "read_offline"]
