"""Many inputs, one after the other: none raises, none takes long, and memory does not grow.

From `KEPT_FROM` inputs on the figures are kept in docs/reliability.md.
"""

import fcntl
import gc
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

INPUTS = int(os.environ.get("POPBRIDGE_FUZZ", "100000"))
"""How many inputs a parser is fed."""

KEPT_FROM = 1_000_000
"""Inputs of a run whose figures are kept."""

SLOWEST = 5.0
"""Seconds of processor time that no input may take; most take some 0.1 ms."""

GROWTH = 8_000_000
"""Octets that may be resident more at the end than after the first tenth of the inputs."""

RELIABILITY = Path(__file__).parents[2] / "docs" / "reliability.md"
HEAD = ("parser", "inputs", "crashes", "slowest input", "growth")

_PLACE = re.compile(r"(.*<!-- figures: fuzz -->\n)(.*?)(<!-- /figures -->.*)", re.DOTALL)


def feed(name: str, play: Callable[[int], None], inputs: int = INPUTS, document: Path = RELIABILITY) -> None:
    """Play the inputs of all seeds below `inputs`. A failure names its seed.

    Where memory seems to grow they are played once more: what a process gave back and took again after other tests does
    not come twice, and what a parser keeps does.
    """
    slowest, grown = _fed(play, inputs)
    if grown >= GROWTH:
        slowest, grown = _fed(play, inputs)
    assert grown < GROWTH, f"{inputs} inputs left {grown} octets behind, and that twice"
    if inputs >= KEPT_FROM:
        write([name, f"{inputs:,}", "0", f"{slowest * 1000:.0f} ms", f"{max(0, grown) / 1e6:.1f} MB"], document)


def _fed(play: Callable[[int], None], inputs: int) -> tuple[float, int]:
    """Give the seconds of the slowest input, and by how many octets the process grew after the first tenth."""
    slowest, resident = 0.0, _resident()
    for seed in range(inputs):
        if seed == inputs // 10:
            resident = _resident()
        began = time.process_time()
        try:
            play(seed)
        except Exception as failure:
            failure.add_note(f"seed {seed}")
            raise
        took = time.process_time() - began
        assert took < SLOWEST, f"seed {seed} took {took:.1f} s"
        slowest = max(slowest, took)
    return slowest, _resident() - resident


def _resident() -> int:
    gc.collect()  # what refers to itself goes when Python next looks, and that may be long after
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def write(row: list[str], document: Path) -> None:
    """Put a parser's row into the document's table, in the place of the one that it had."""
    with document.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        found = _PLACE.fullmatch(file.read())
        assert found is not None, "there is no table of fuzzing in the document"
        rows = {cells[0]: cells for line in found[2].splitlines()[2:] if (cells := _cells(line))}
        rows[row[0]] = row
        lines = [_line(list(HEAD)), _line(["---"] * len(HEAD)), *map(_line, rows.values())]
        file.seek(0)
        file.truncate()
        file.write(found[1] + "".join(f"{line}\n" for line in lines) + found[3])


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
