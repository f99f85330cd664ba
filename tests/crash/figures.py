"""What crashes cost, counted; and the tables of it in docs/reliability.md."""

import fcntl
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.policies import INSTANTS, POLICIES

RELIABILITY = Path(__file__).parents[2] / "docs" / "reliability.md"

HEADS = {
    "cost": ("policy", "rounds", "lost", "shown again", "changed ids", "slowest start", "re-deliveries"),
    "killed": ("policy", *INSTANTS, "at the end"),
}
AT_THE_END = "at the end"


@dataclass
class Figures:
    """Of one policy. `lost`, `again` and `changed` must stay 0; `slowest` is in seconds; `killed` counts by instant."""

    policy: str
    rounds: int = 0
    lost: int = 0
    again: int = 0
    changed: int = 0
    redelivered: int = 0
    slowest: float = 0.0
    killed: Counter[str] = field(default_factory=Counter)

    def rows(self) -> dict[str, Sequence[str]]:
        """Give this policy's row of each table."""
        counted = (self.rounds, self.lost, self.again, self.changed)
        where = [self.killed[instant] for instant in (*INSTANTS, AT_THE_END)]
        return {
            "cost": [self.policy, *map(str, counted), f"{self.slowest:.1f} s", str(self.redelivered)],
            "killed": [self.policy, *(str(count or "–") for count in where)],
        }


def write(figures: Figures, path: Path = RELIABILITY) -> None:
    """Put a policy's rows into the document's tables, in the place of those that it had."""
    with path.open("r+") as document:
        fcntl.flock(document, fcntl.LOCK_EX)
        text = document.read()
        for table, row in figures.rows().items():
            text = _with_row(text, table, row)
        document.seek(0)
        document.truncate()
        document.write(text)


def read(table: str, path: Path = RELIABILITY) -> dict[str, list[str]]:
    """Give a table's rows by policy."""
    lines = _table(path.read_text(), table)[1].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: row for row in rows}


def _table(text: str, table: str) -> tuple[str, str, str]:
    found = re.fullmatch(rf"(.*<!-- figures: {table} -->\n)(.*?)(<!-- /figures -->.*)", text, re.DOTALL)
    assert found is not None, f"there is no table {table} in the document"
    return found[1], found[2], found[3]


def _with_row(text: str, table: str, row: Sequence[str]) -> str:
    before, old, after = _table(text, table)
    rows = {line.split("|")[1].strip(): line for line in old.splitlines()[2:]}
    rows[row[0]] = _line(row)
    head = HEADS[table]
    lines = [_line(head), _line(["---"] * len(head)), *(rows[one.name] for one in POLICIES if one.name in rows)]
    return before + "".join(f"{line}\n" for line in lines) + after


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
