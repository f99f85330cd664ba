"""docs/security.md: what it names is there, and the rules of its house are kept by tests that can be run."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGE = (HERE.parent / "docs" / "security.md").read_text()
NAMED = re.findall(r"`([a-z0-9_/]+\.py)::([A-Za-z0-9_:]+)`", PAGE)


def _rows(heading: str) -> list[list[str]]:
    """Give the rows of the table below a heading."""
    below = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in below.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@cache
def _tests(path: str) -> set[str]:
    """Give the tests of a file, those of classes as `TestX::test_y`."""
    found: set[str] = set()
    for node in ast.parse((HERE / path).read_text()).body:
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{each.name}" for each in node.body if _is_test(each)}  # type: ignore[attr-defined]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
    return found


def _is_test(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")


@pytest.mark.parametrize(("path", "test"), sorted(set(NAMED)))
def test_every_test_that_is_named_exists(path: str, test: str) -> None:
    assert test in _tests(path), f"docs/security.md names a test that {path} does not have"


@pytest.mark.parametrize("heading", ["Promises", "What went wrong elsewhere"])
def test_every_row_is_held_by_a_test(heading: str) -> None:
    rows = _rows(heading)
    assert len(rows) > 10
    assert [
        row[0] for row in rows if ".py::test_" not in row[-1] and not re.search(r"\.py::Test\w+::test_", row[-1])
    ] == []


def test_every_cve_is_written_as_one() -> None:
    numbers = [word for row in _rows("What went wrong elsewhere") for word in re.findall(r"CVE\S+", row[1])]
    assert len(numbers) > 10
    assert all(re.fullmatch(r"CVE-20[0-9]{2}-[0-9]{4,5},?", number) for number in numbers)
