"""`python -m tests.bench`: run the benchmark, print its tables, and write docs/performance.md after a whole run."""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench import machine, report
from tests.bench.crowding import crowd, idle, logins_a_second
from tests.bench.fetching import giant, large, retr, second_device
from tests.bench.figures import Row
from tests.bench.grounds import Grounds, mail_directory
from tests.bench.plan import ROUND_TRIPS, Plan
from tests.bench.polling import first_poll, new_mail, warm_poll_100, warm_poll_100000
from tests.bench.wire import Failed
from tests.support.delay_line import WINDOW
from tests.support.dovecot import dovecot_missing

ROWS: dict[str, Callable[[Grounds, Plan], Iterator[Row]]] = {
    "poll-100": warm_poll_100,
    "poll-100000": warm_poll_100000,
    "first": first_poll,
    "retr": retr,
    "large": large,
    "giant": giant,
    "new": new_mail,
    "crowd": crowd,
    "idle": idle,
    "logins": logins_a_second,
    "spool": second_device,
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", action="append", default=[], choices=ROWS, help="these rows (may be repeated)")
    parser.add_argument("--rtt", action="append", type=int, default=[], choices=ROUND_TRIPS, help="these round trips")
    parser.add_argument("--runs", type=int, default=0, help="so many runs instead of each row's own number")
    parser.add_argument("--quick", action="store_true", help="few runs, for a look")
    parser.add_argument("--full", action="store_true", help="let the peer's first listing at RTT 20 end: minutes")
    parser.add_argument("--window", type=int, default=WINDOW, help="octets of a connection under way, 0 for any number")
    parser.add_argument("--write", type=Path, help=f"write the page here (after a whole run: {report.DOCUMENT.name})")
    return parser.parse_args()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _measure(grounds: Grounds, plan: Plan, busy: list[float]) -> Iterator[Row]:
    for name, rows in ROWS.items():
        if not plan.wants(name):
            continue
        busy.append(machine.busy_cores())
        began = time.monotonic()
        try:
            yield from rows(grounds, plan)
        except (Failed, OSError, RuntimeError) as failure:
            grounds.set_round_trip(0)
            row = Row(name, "")
            row.notes.append(f"FAILED: {failure}")
            yield row
        _say(f"   ({name}: {time.monotonic() - began:.0f} s)")


def main() -> int:
    """Run it. Exit status 1 when a row could not be measured; a floor that does not hold is told, and no failure."""
    given = _arguments()
    if missing := dovecot_missing():
        _say(f"make bench: {missing}")
        return 1
    plan = Plan(given.only, given.rtt or ROUND_TRIPS, given.runs, given.quick, given.full)
    # Ended by a signal, everything that was started is ended, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    rows: list[Row] = []
    busy: list[float] = [machine.busy_cores()]
    began = time.monotonic()
    with Grounds(given.window) as grounds:
        for row in _measure(grounds, plan, busy):
            _say(report.brief(row))
            rows.append(row)
    busy.append(machine.busy_cores())
    _say(report.tables(rows))
    _say(f"{time.monotonic() - began:.0f} s. {report.disturbance(busy).replace('**', '')}")
    _write(given, plan, rows, busy)
    return any(note.startswith("FAILED") for row in rows for note in row.notes)


def _write(given: argparse.Namespace, plan: Plan, rows: list[Row], busy: list[float]) -> None:
    path: Path | None = given.write or (report.DOCUMENT if plan.whole else None)
    if path is None:
        return
    before = report.DOCUMENT.read_text() if report.DOCUMENT.exists() else ""
    path.write_text(report.document(rows, machine.description(mail_directory()), given.window, busy, before))
    _say(f"written: {path}")


if __name__ == "__main__":
    sys.exit(main())
