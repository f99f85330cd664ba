"""docs/rfc.md and the code agree: what is cited is listed, and what is said to be done is cited where it is done."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

import bridge

TABLE = Path(__file__).parent.parent / "docs" / "rfc.md"
STATUS = {"yes", "partly", "no", "n.a."}

_ROW = re.compile(r"^\| *(\d+) *\| *(.+?) *\| *(\S+?) *\| *(.*?) *\|$")
_CITED = re.compile(r"\bRFC (\d{3,5})\b")


class Row(NamedTuple):
    """One line of the table."""

    number: int
    title: str
    status: str
    note: str


def read_rows(text: str) -> list[Row]:
    """Read every line of the tables that begins with a number."""
    found = (_ROW.match(line) for line in text.splitlines())
    return [Row(int(row[1]), row[2], row[3], row[4]) for row in found if row]


def read_citations() -> dict[int, str]:
    """Give, for each RFC named in bridge/, one file that names it."""
    cited: dict[int, str] = {}
    for path in sorted(Path(bridge.__file__).parent.rglob("*.py")):
        for number in _CITED.findall(path.read_text()):
            cited.setdefault(int(number), str(path))
    return cited


ROWS = read_rows(TABLE.read_text())
CITED = read_citations()


def test_every_cited_rfc_is_listed() -> None:
    assert {number: path for number, path in CITED.items() if number not in {row.number for row in ROWS}} == {}


@pytest.mark.parametrize("row", [row for row in ROWS if row.status in {"yes", "partly"}], ids=lambda row: row.number)
def test_what_is_done_is_cited_where_it_is_done(row: Row) -> None:
    assert row.number in CITED


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.number)
def test_rows_are_whole(row: Row) -> None:
    assert row.status in STATUS
    assert row.status == "yes" or row.note, "what is missing, or why it does not apply, is said"


def test_rows_are_in_order_and_unique() -> None:
    numbers = [row.number for row in ROWS]
    assert len(numbers) == len(set(numbers))
    assert numbers, "the table was not found"


def test_rows_are_read_as_written() -> None:
    assert read_rows("| 1939 | POP3 | yes | |\n| RFC | Title |\n") == [Row(1939, "POP3", "yes", "")]
