"""State in SQLite: the only room with SQL."""

from bridge.store.handover import handover, must_be_free, take_over
from bridge.store.index_store import StoredMailbox
from bridge.store.lifetime import open_store, read_offline
from bridge.store.opening import must_exist
from bridge.store.store import Store
from bridge.store.writer import Runner, in_thread, inline

__all__ = [
    "Runner",
    "Store",
    "StoredMailbox",
    "handover",
    "in_thread",
    "inline",
    "must_be_free",
    "must_exist",
    "open_store",
    "read_offline",
    "take_over",
]
