"""`python -m tests.lock.advisories`: what is known against the versions in the lock, by pip-audit.

Where pip-audit is not installed, or cannot ask, it says so, and that is no failure.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.lock.locking import LOCK

SECONDS = 120
"""How long the index may take."""


def find(program: str | None, lock: Path = LOCK) -> tuple[int, list[str]]:
    """Give an exit status, and lines for whoever asked: 1 where something is known against a locked version."""
    if program is None:
        return 0, ["== skipped: the lock's advisories need pip-audit (pip install -e '.[audit]')"]
    command = [program, "--requirement", str(lock), "--require-hashes", "--disable-pip", "--format", "json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
        known = [
            f"{package['name']} {package['version']}: {each['id']}, mended in {' '.join(each['fix_versions'])}"
            for package in json.loads(done.stdout)["dependencies"]
            for each in package.get("vulns", [])
        ]
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        return 0, ["== skipped: the lock's advisories cannot be asked for here: pip-audit gave no answer"]
    return (1, known) if known else (0, ["nothing is known against the versions in deploy/requirements.txt"])


def main() -> int:
    """Say what is known."""
    beside = shutil.which("pip-audit", path=str(Path(sys.executable).parent)) or shutil.which("pip-audit")
    status, lines = find(beside)
    (sys.stderr if lines[0].startswith("==") else sys.stdout).write("".join(f"{line}\n" for line in lines))
    return status


if __name__ == "__main__":
    sys.exit(main())
