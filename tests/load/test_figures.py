"""The table of load in docs/reliability.md is what was measured, whole, and all of it was as it must be."""

from pathlib import Path

from tests.load.figures import HEAD, Figure, read, write
from tests.load.parts import PARTS, TITLES

EMPTY = "# Title\n\n<!-- figures: load -->\nold\n<!-- /figures -->\nend\n"


def test_figures_are_written_beside_what_they_must_be(tmp_path: Path) -> None:
    path = tmp_path / "reliability.md"
    path.write_text(EMPTY)
    figures = [
        Figure("idle", "memory", 7.555, "KB", 40),
        Figure("idle", "lost", 2, "", 1),
        Figure("idle", "took", 123.4),
    ]
    write(figures, [("Machine", "small")], path)
    assert read(path) == [
        ("idle", "memory", "7.55 KB", "under 40 KB"),
        ("idle", "lost", "2 **(not held)**", "under 1"),
        ("idle", "took", "123", ""),
    ]
    write([Figure("crowd", "took", 1, "s"), Figure("idle", "lost", 0, "", 1)], [("Machine", "small")], path)
    assert read(path) == [("idle", "lost", "0", "under 1"), ("crowd", "took", "1 s", "")]
    assert path.read_text().endswith("\n- Machine: small\n<!-- /figures -->\nend\n")


def test_the_document_has_every_part_and_nothing_that_did_not_hold() -> None:
    rows = read()
    assert set(TITLES) == set(PARTS)
    assert {row[0] for row in rows} == set(TITLES.values())
    assert all(len(row) == len(HEAD) and "not held" not in row[2] for row in rows)
