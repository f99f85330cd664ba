"""The tables: on the terminal as they come, and docs/performance.md after a whole run."""

import datetime
import math
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.bench.figures import OURS, Floor, Row
from tests.bench.machine import QUIET

DOCUMENT = Path(__file__).parents[2] / "docs" / "performance.md"

NOTES = "<!-- What stands below this line was written by hand, and is kept. -->"

HOW = """\
# Performance

`make bench` measures this and writes this page. It starts everything on loopback: an upstream (Dovecot, `sdbox`), a
peer that does the same work (Dovecot's POP3 server over `imapc`, with `imapc_features = rfc822.size fetch-headers
delay-login`, its indexes kept on local disk), the upstream's own POP3 on the same mail, and `popbridge serve`. A
delay line stands between them and the upstream and makes round trips take time; its bandwidth has no limit, a
connection's window there is {window}. At RTT 0 there is none. The devices are one process on raw sockets, and come
from many addresses. Runs are interleaved (A B A B …), figures are medians, ratios say how many times better popbridge
is. Raw IMAP is one FETCH of everything on a connection made for it, the login included; all others have logged in
before the clock starts, except where a poll is what is measured.

    make bench                                  everything, and this page
    make bench ARGS="--quick"                   a few minutes, for a look
    make bench ARGS="--only retr --rtt 20"      one thing
"""


def _number(value: float) -> str:
    if math.isinf(value):
        return "∞"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def floor_line(floor: Floor) -> list[str]:
    """Give a floor's cells: work, against, measured, floor, whether it holds."""
    about = "≈ " if floor.estimated else ""
    unit = "" if floor.unit == "×" else f" {floor.unit}"
    mark = " ×" if floor.unit == "×" else ""
    bound = f"{'≤ ' if floor.kind == 'at most' else ''}{floor.bound:g}{mark}{unit}"
    verdict = "yes" if floor.holds else "**no**"
    return [floor.what, floor.against, f"{about}{_number(floor.value)}{mark}{unit}".rstrip(), bound.rstrip(), verdict]


def series_line(row: Row) -> list[str]:
    """Give a row's cells: work, unit, ours, the others' medians, round trips."""
    others = [name for name in row.series if name != OURS]
    return [
        row.work,
        row.unit,
        _series(row, OURS) if OURS in row.series else "–",
        "; ".join(f"{name} {_series(row, name)}" for name in others),
        "; ".join(f"{name} {_number(count)}" for name, count in row.round_trips.items()),
    ]


def _series(row: Row, name: str) -> str:
    values = row.series[name]
    spread = f" ({_number(min(values))}–{_number(max(values))})" if len(values) > 1 else ""
    return f"{_number(statistics.median(values))}{spread}"


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def tables(rows: Sequence[Row]) -> str:
    """Give the floors and all figures as Markdown."""
    floors = [floor_line(floor) for row in rows for floor in row.floors]
    figures = [series_line(row) for row in rows]
    notes = [f"* {row.work}: {note}.\n" for row in rows for note in row.notes]
    return (
        _table(("work", "against", "measured", "floor", "holds"), floors)
        + "\n"
        + _table(("work", "unit", OURS, "others: median (least–most)", "upstream round trips"), figures)
        + ("\n" + "".join(notes) if notes else "")
    )


def disturbance(busy: Sequence[float]) -> str:
    """Say how much others used the machine meanwhile: cores, looked at between the rows."""
    worst, usual = max(busy), statistics.median(busy)
    if usual <= QUIET and worst <= 5 * QUIET:
        return "Nothing else was using the machine."
    return (
        f"**The machine was doing other work meanwhile ({usual:.1f} cores, at times {worst:.1f}): these figures are "
        "preliminary.**"
    )


def document(
    rows: Sequence[Row], machine: Sequence[tuple[str, str]], window: int, busy: Sequence[float], before: str
) -> str:
    """Give docs/performance.md; what was written by hand in the former one stays."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    facts = _table(("", ""), [*machine, ("Date", today)])
    kept = before.partition(NOTES)[2]
    text = HOW.format(window=f"{window / 2**20:g} MiB" if window else "without limit, too")
    sections = ("## The machine", disturbance(busy), facts, "## Floors and figures", tables(rows), NOTES)
    return "\n".join([text, *(f"{section.rstrip()}\n" for section in sections), kept.lstrip()]).rstrip() + "\n"


def brief(row: Row) -> str:
    """Give a row as it is shown on the terminal when it is done."""
    lines = [f"== {row.work} ({row.unit})"]
    lines += [f"     {name:40} {_series(row, name)}" for name in row.series]
    lines += [f"     round trips: {series_line(row)[-1]}"] if row.round_trips else []
    for floor in row.floors:
        what, against, measured, bound, verdict = floor_line(floor)
        lines.append(f"     {against or what}: {measured}, floor {bound}: {verdict.strip('*')}")
    return "\n".join([*lines, *(f"     {note}" for note in row.notes)]) + "\n"
