"""Inserting many rows. SQLite takes a few hundred of them from one statement, and meanwhile Python is free for other
threads; row by row, each would ask for it twice.
"""

import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Any

TOGETHER = 250
"""Rows of one statement. With ten values each they are well below the 32,766 that SQLite takes."""


class Insert:
    """Inserts rows of values into `columns`, text such as `t(a, b)`. SQLite keeps the statement compiled."""

    def __init__(self, columns: str, width: int) -> None:
        row = f"({', '.join('?' * width)})"
        self._one = " ".join(("INSERT INTO", columns, "VALUES", row))
        self._many = ", ".join((self._one, *[row] * (TOGETHER - 1)))

    def rows(self, db: sqlite3.Connection, values: Sequence[Sequence[Any]]) -> None:
        """Insert all of them, in their order."""
        whole = len(values) - len(values) % TOGETHER
        for at in range(0, whole, TOGETHER):
            db.execute(self._many, tuple(chain.from_iterable(values[at : at + TOGETHER])))
        db.executemany(self._one, values[whole:])
