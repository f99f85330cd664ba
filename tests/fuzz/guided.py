"""`python -m tests.fuzz.guided TARGET RUNS SEED`: let atheris search for octets that a target does not bear.

It is guided by which lines of `bridge` an input reaches, and begins with the seeds. What it finds is written to the
working directory as `crash-…`: put it into tests/fuzz/regressions/TARGET, where it is tried for ever.
"""

import importlib
import sys
import tempfile
from pathlib import Path


def main() -> None:
    """Search. Exits with a status other than 0 when something was found."""
    target, runs, seed = sys.argv[1:4]
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["bridge"]):
        targets = importlib.import_module("tests.fuzz.targets").TARGETS
    seeds = importlib.import_module("tests.fuzz.seeds").SEEDS
    with tempfile.TemporaryDirectory() as corpus:
        for number, octets in enumerate(seeds[target]):
            Path(corpus, f"seed-{number}").write_bytes(octets)
        limits = ["-timeout=10", "-rss_limit_mb=1000", "-max_len=20000"]
        atheris.Setup([sys.argv[0], corpus, f"-runs={runs}", f"-seed={seed}", *limits], targets[target])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
