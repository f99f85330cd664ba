"""`python -m tests.load`: bear the load, print the figures, and write them into docs/reliability.md."""

import argparse
import signal
import sys
import time

from tests.bench import machine
from tests.bench.grounds import mail_directory
from tests.load.figures import RELIABILITY, Figure, line, write
from tests.load.parts import PARTS, Given
from tests.support.dovecot import dovecot_missing


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run it. Exit status 1 when something is not as it must be."""
    parser = argparse.ArgumentParser(prog="make load", description=__doc__)
    parser.add_argument("--only", action="append", default=[], choices=PARTS, help="this part (may be repeated)")
    parser.add_argument(
        "--seconds", type=float, default=60, help="how long sessions are idle, and one logs in a second"
    )
    parser.add_argument("--write", action="store_true", help="write what was measured, though it was not all")
    given = parser.parse_args()
    if missing := dovecot_missing():
        _say(f"make load: {missing}")
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    figures: list[Figure] = []
    for name, part in PARTS.items():
        if given.only and name not in given.only:
            continue
        began = time.monotonic()
        for figure in part(Given(given.seconds)):
            _say(line(figure.cells()))
            figures.append(figure)
        _say(f"   ({name}: {time.monotonic() - began:.0f} s)")
    if given.write or not given.only:
        told = [fact for fact in machine.description(mail_directory()) if fact[0] != "Command"]
        # A commit that is not made yet has no name.
        write(figures, [(name, text.partition(" (")[0] if name == "popbridge" else text) for name, text in told])
        _say(f"written: {RELIABILITY}")
    return 0 if all(figure.held for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
