"""The power goes at each instant, and with it whatever was not synced: nothing else is lost than by a SIGKILL."""

from pathlib import Path
from random import Random

import pytest

from tests.crash.house import House
from tests.crash.policies import POLICIES, Policy
from tests.crash.test_crash import LONG, ROUNDS
from tests.faults.outcome import Outcome
from tests.support.dovecot import Dovecot
from tests.support.power import disk, power_missing

LIVES = 2
"""Of each policy, in the short form."""

SHORT = ("quit.committed", "spool.committed", "intent.after")
"""The instants of the short form: what was said to be written just now."""

MEANT = [policy for policy in POLICIES if policy.name in {"trash", "hide large ones, spooled"}]
"""One that acts upstream, and one that keeps messages on disk."""

OUTCOME = Outcome(
    hears="nothing that was acknowledged is taken back",
    within="–",
    left="nothing lost, shown again or under another unique-id",
)


@pytest.mark.skipif(bool(power_missing()), reason=power_missing())
@pytest.mark.parametrize("policy", MEANT, ids=lambda policy: policy.name)
def test_the_power_goes(tmp_path: Path, dovecot: Dovecot, policy: Policy) -> None:
    chance, instants = Random(policy.name), [one for one in policy.instants if ROUNDS >= LONG or one in SHORT]
    with disk() as on:
        house = House(tmp_path, dovecot, policy, on)
        house.first_life()
        for turn in range(ROUNDS if ROUNDS >= LONG else min(len(instants), LIVES)):
            house.one_life(instants[turn % len(instants)], chance)
        house.last_life()
    # How long starts take is told by lives in which nobody watches each sync.
    assert (house.figures.lost, house.figures.again, house.figures.changed) == (0, 0, 0), house.figures
