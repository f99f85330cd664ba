"""State in SQLite: the only room with SQL."""

from bridge.store.store import Store, StoredMailbox, open_store, read_offline
from bridge.store.writer import in_thread, inline

__all__ = ["Store", "StoredMailbox", "in_thread", "inline", "open_store", "read_offline"]
