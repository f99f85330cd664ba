"""What was measured, beside what it must be; and the table of it in docs/reliability.md."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

RELIABILITY = Path(__file__).parents[2] / "docs" / "reliability.md"
HEAD = ("part", "what", "measured", "must be")

_PLACE = re.compile(r"(.*<!-- figures: load -->\n)(.*?)(<!-- /figures -->.*)", re.DOTALL)


@dataclass(frozen=True)
class Figure:
    """One row. `most` is what it must stay under, None where it is only told; `unit` stands behind the numbers."""

    part: str
    what: str
    value: float
    unit: str = ""
    most: float | None = None

    @property
    def held(self) -> bool:
        """True where it is as it must be."""
        return self.most is None or self.value < self.most

    def cells(self) -> Sequence[str]:
        """Give the row's cells."""
        bound = "" if self.most is None else f"under {_number(self.most, self.unit)}"
        return (self.part, self.what, _number(self.value, self.unit) + ("" if self.held else " **(not held)**"), bound)


def _number(value: float, unit: str) -> str:
    exact = f"{value:.0f}" if value == int(value) or abs(value) >= 100 else f"{value:.3g}"
    return f"{exact} {unit}".strip()


def line(cells: Sequence[str]) -> str:
    """Write one row of a table."""
    return "| " + " | ".join(cells) + " |"


def write(figures: Sequence[Figure], machine: Sequence[tuple[str, str]], path: Path = RELIABILITY) -> None:
    """Put the rows into the document's table, in the place of those that their parts had, and below it where it was
    measured; parts stand in the order in which they came first.
    """
    found = _PLACE.fullmatch(path.read_text())
    assert found is not None, "there is no table of load in the document"
    by_part: dict[str, list[Sequence[str]]] = {}
    for cells in read(path):
        by_part.setdefault(cells[0], []).append(cells)
    for part in {figure.part: None for figure in figures}:
        by_part[part] = [figure.cells() for figure in figures if figure.part == part]
    rows = [line(HEAD), line(["---"] * len(HEAD)), *(line(cells) for part in by_part.values() for cells in part)]
    facts = [f"- {name}: {text}" for name, text in machine]
    path.write_text(found[1] + "\n".join([*rows, "", *facts, ""]) + found[3])


def read(path: Path = RELIABILITY) -> list[tuple[str, ...]]:
    """Give the table's rows as the document has them."""
    found = _PLACE.fullmatch(path.read_text())
    assert found is not None, "there is no table of load in the document"
    rows = [one for one in found[2].splitlines() if one.startswith("|")][2:]
    return [tuple(cell.strip() for cell in one[1:-1].split("|")) for one in rows]
