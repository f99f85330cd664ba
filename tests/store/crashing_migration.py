"""A process that brings a database of the first schema up, and is killed meanwhile.

Arguments of `python -m tests.store.crashing_migration`: state directory, `statement`, and before the how-manieth of
SQL; 0 for never.
"""

import os
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

from bridge.store import opening
from tests.store.crashing import told

_connect = sqlite3.connect
_left = 0


def strike(statement: str) -> None:
    """Kill this process before the statement whose turn it is."""
    global _left
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    told("statement")


def connect(*arguments: Any, **more: Any) -> sqlite3.Connection:
    """Connect, with an eye on every statement."""
    connection: sqlite3.Connection = _connect(*arguments, **more)
    connection.set_trace_callback(strike)
    return connection


if __name__ == "__main__":
    _left = int(sys.argv[3])
    setattr(sqlite3, "connect", connect)  # noqa: B010 - for this process alone
    opening.open_database(Path(sys.argv[1]), new_state=False).close()
