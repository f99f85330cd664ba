"""The lock names all that popbridge needs, and nothing is known against it that was asked for."""

import re
from importlib import metadata
from pathlib import Path

import pytest

from tests.lock.advisories import find
from tests.lock.locking import LOCK, canonical, dependencies, locked

LOCKED = locked(LOCK.read_text())


def _needs(requirements: list[str]) -> set[str]:
    """Give the names that are needed whatever is installed besides: without extras, and for this kind of system."""
    plain = [
        each for each in requirements if "extra ==" not in each and "win32" not in each and "emscripten" not in each
    ]
    newer = [each for each in plain if not re.search(r'python_version < "3\.(?:8|9|10|11)"', each)]
    return {canonical(re.split(r"[^A-Za-z0-9._-]", each, maxsplit=1)[0]) for each in newer}


def test_the_lock_holds_every_dependency_and_theirs() -> None:
    wanted, seen = _needs(dependencies()), set[str]()
    while wanted - seen:
        name = (wanted - seen).pop()
        seen.add(name)
        assert name in LOCKED, f"{name} is not in deploy/requirements.txt: python -m tests.lock.locking"
        try:
            wanted |= _needs(metadata.requires(name) or [])
        except metadata.PackageNotFoundError:
            continue  # needed on another Python than this


@pytest.mark.parametrize("requirement", dependencies())
def test_a_locked_version_is_one_that_is_asked_for(requirement: str) -> None:
    name, bounds = re.match(r"([A-Za-z0-9._-]+)(.*)", requirement).groups()  # type: ignore[union-attr]
    version = LOCKED[canonical(name)][0]
    for sign, bound in re.findall(r"(>=|<)([0-9.]+)", bounds):
        assert (_numbers(version) >= _numbers(bound)) is (sign == ">="), f"{name} {version} is not {sign}{bound}"


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"[0-9]+", version)]


@pytest.mark.parametrize("name", LOCKED)
def test_every_file_is_known_by_its_digest(name: str) -> None:
    _, digests = LOCKED[name]
    assert digests
    assert len(set(digests)) == len(digests)


def _auditor(directory: Path, says: str) -> str:
    program = directory / "pip-audit"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{says}\nEND\n")
    program.chmod(0o755)
    return str(program)


def test_an_advisory_fails_and_is_named(tmp_path: Path) -> None:
    says = (
        '{"dependencies": [{"name": "trio", "version": "0.1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["0.2"]}]}]}'
    )
    assert find(_auditor(tmp_path, says)) == (1, ["trio 0.1: PYSEC-1, mended in 0.2"])


def test_without_advisories_all_is_well(tmp_path: Path) -> None:
    status, lines = find(_auditor(tmp_path, '{"dependencies": [{"name": "trio", "version": "0.1", "vulns": []}]}'))
    assert (status, lines) == (0, ["nothing is known against the versions in deploy/requirements.txt"])


@pytest.mark.parametrize("says", ["", "ConnectionError: no route to host", "{}"])
def test_an_auditor_without_an_answer_is_skipped_by_name(tmp_path: Path, says: str) -> None:
    status, lines = find(_auditor(tmp_path, says))
    assert status == 0
    assert lines[0].startswith("== skipped: the lock's advisories cannot be asked for here")


def test_without_an_auditor_that_is_skipped_by_name() -> None:
    status, lines = find(None)
    assert status == 0
    assert "need pip-audit" in lines[0]
