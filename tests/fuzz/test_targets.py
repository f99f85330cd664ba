"""Every target bears its seeds, what was ever found, and what Hypothesis and atheris make of them.

POPBRIDGE_FUZZ says for how long: so many inputs for atheris, the two-hundredth part of it for Hypothesis.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from tests.fuzz.seeds import SEEDS
from tests.fuzz.targets import TARGETS
from tests.fuzz.watching import INPUTS

REGRESSIONS = Path(__file__).with_name("regressions")
KNOWN = [(target, path.name) for target in TARGETS for path in sorted(REGRESSIONS.glob(f"{target}/*"))]
SLOW = {
    "config": 5,
    "adapt": 10,
    "challenges": 20,
    "responses": 4,
    "tokens": 4,
    "redirects": 4,
    "search": 4,
    "names": 4,
    "identity": 4,
    "former": 4,
}
"""How much dearer an input of a target is, or how much less it is worth: fewer parties can bring it about."""


pytestmark = pytest.mark.usefixtures("secrets_by_chance")


def changed(seeds: tuple[bytes, ...]) -> st.SearchStrategy[bytes]:
    """Give seeds that something was cut out of, or put into; and any octets at all."""
    pieces = st.one_of(
        st.binary(max_size=20), st.sampled_from([b"\0", b"\r", b"\n", b"\xff", b"9" * 5000, b"[" * 2000])
    )

    @st.composite
    def change(draw: st.DrawFn) -> bytes:
        octets = draw(st.sampled_from(seeds))
        for _ in range(draw(st.integers(0, 4))):
            first = draw(st.integers(0, len(octets)))
            last = draw(st.integers(first, min(len(octets), first + 40)))
            octets = octets[:first] + draw(pieces) + octets[last:]
        return octets

    return st.one_of(change(), st.binary(max_size=300))


def test_every_target_has_seeds() -> None:
    assert set(SEEDS) == set(TARGETS)


@pytest.mark.parametrize("target", TARGETS)
def test_seeds_are_borne(target: str) -> None:
    for octets in SEEDS[target]:
        TARGETS[target](octets)


@pytest.mark.parametrize(("target", "name"), KNOWN or [("pop3", "")])
def test_what_was_found_once_is_borne(target: str, name: str) -> None:
    if not name:
        pytest.skip("nothing was found yet")
    TARGETS[target]((REGRESSIONS / target / name).read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_any_change_of_a_seed_is_borne(target: str) -> None:
    examples = max(20, INPUTS // 200 // SLOW.get(target, 1))

    @effort(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(changed(tuple(SEEDS[target])))
    def borne(octets: bytes) -> None:
        TARGETS[target](octets)

    borne()


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")
@pytest.mark.parametrize("target", TARGETS)
def test_what_atheris_comes_upon_is_borne(target: str, tmp_path: Path) -> None:
    runs = INPUTS // SLOW.get(target, 1)
    root = str(Path(__file__).parents[2])
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", "tests.fuzz.guided", target, str(runs), "1"]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
