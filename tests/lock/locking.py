"""deploy/requirements.txt: every package that popbridge needs, its version, and the digests of its files.

`python -m tests.lock.locking` asks pip anew and writes it.
"""

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
LOCK = REPOSITORY / "deploy" / "requirements.txt"

PYTHONS = ("3.11", "3.12", "3.13")
MACHINES = ("x86_64", "aarch64")
PLATFORMS = ("manylinux_2_28", "manylinux_2_17", "manylinux2014")
"""What files are locked for: elsewhere `install.sh` without --locked does."""

HEAD = """\
# What popbridge needs, as it was tested: versions, and the digests of the files that install.sh --locked may take, for
# Python 3.11 to 3.13 on x86-64 and 64-bit ARM with glibc. Made by `python -m tests.lock.locking`.
"""

_PIN = re.compile(r"([a-z0-9-]+)==([^ \\]+)")
_DIGEST = re.compile(r"--hash=sha256:([0-9a-f]{64})\b")


def dependencies() -> list[str]:
    """Give what pyproject.toml says popbridge needs."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    return list(project["dependencies"])


def locked(text: str) -> Mapping[str, tuple[str, list[str]]]:
    """Give version and digests by package."""
    found: dict[str, tuple[str, list[str]]] = {}
    for each in re.split(r"\n(?=[a-z])", text):
        if pin := _PIN.match(each):
            found[pin[1]] = (pin[2], _DIGEST.findall(each))
    return found


def canonical(name: str) -> str:
    """Spell a package's name as the index does."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _resolved(python: str, machine: str, pins: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Ask pip, which installs nothing, for name, version and digest of each file it would take."""
    with tempfile.TemporaryDirectory() as directory:
        report, constraints = Path(directory, "report.json"), Path(directory, "constraints.txt")
        constraints.write_text("".join(f"{name}=={version}\n" for name, version in pins.items()))
        platforms = [word for platform in PLATFORMS for word in ("--platform", f"{platform}_{machine}")]
        where = ["--python-version", python, *platforms, "--only-binary", ":all:", "--target", directory]
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", *where]
        command += ["--constraint", str(constraints), "--report", str(report), *dependencies()]
        subprocess.run(command, check=True)
        for each in json.loads(report.read_text())["install"]:
            about = each["metadata"]
            yield canonical(about["name"]), about["version"], each["download_info"]["archive_info"]["hashes"]["sha256"]


def main() -> None:
    """Write the lock."""
    pins: dict[str, str] = {}
    digests: dict[str, set[str]] = {}
    for machine in MACHINES:
        for python in PYTHONS:
            for name, version, digest in _resolved(python, machine, pins):
                pins[name] = version
                digests.setdefault(name, set()).add(digest)
    lines = [
        " \\\n    ".join([f"{name}=={pins[name]}", *(f"--hash=sha256:{each}" for each in sorted(digests[name]))])
        for name in sorted(pins)
    ]
    LOCK.write_text(HEAD + "".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    main()
