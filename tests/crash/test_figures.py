"""Keeping the figures in docs/reliability.md."""

from collections import Counter
from pathlib import Path

import pytest

from tests.crash.figures import HEADS, Figures, read, write
from tests.crash.policies import POLICIES, Policy

EMPTY = "# Title\n\n<!-- figures: cost -->\n<!-- /figures -->\n\n<!-- figures: killed -->\n<!-- /figures -->\nend\n"


def test_rows_are_put_in_the_place_of_those_before(tmp_path: Path) -> None:
    path = tmp_path / "reliability.md"
    path.write_text(EMPTY)
    write(Figures("trash", 1), path)
    write(Figures("hide", 2, slowest=1.25, killed=Counter({"quit.received": 7})), path)
    write(Figures("trash", 3, redelivered=4), path)
    assert read("cost", path) == {
        "hide": ["hide", "2", "0", "0", "0", "1.2 s", "0"],
        "trash": ["trash", "3", "0", "0", "0", "0.0 s", "4"],
    }
    assert read("killed", path)["hide"][HEADS["killed"].index("quit.received")] == "7"
    assert path.read_text().endswith("<!-- /figures -->\nend\n")


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_the_document_has_figures_for_every_policy(policy: Policy) -> None:
    if policy.name not in read("cost"):
        pytest.skip(f"ITS FIGURES ARE NOT MEASURED YET: make crash ROUNDS=200 does, for {policy.name}")
    rounds, lost, again, changed, slowest = read("cost")[policy.name][1:6]
    assert int(rounds) >= 200
    assert (lost, again, changed) == ("0", "0", "0")
    assert float(slowest.removesuffix(" s")) < 5
    killed = dict(zip(HEADS["killed"], read("killed")[policy.name], strict=True))
    assert all(int(killed[instant]) > 0 for instant in policy.instants)
    assert sum(int(count) for count in list(killed.values())[1:] if count != "–") == int(rounds)
