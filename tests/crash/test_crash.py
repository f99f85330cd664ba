"""SIGKILL at each named instant, and at random: nothing lost, nothing shown again after `+OK`, no unique-id changed."""

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.crash.figures import Figures, write
from tests.crash.house import House
from tests.crash.policies import POLICIES, RANDOM, Policy
from tests.support.dovecot import WITHOUT_MOVE, Dovecot

ROUNDS = int(os.environ.get("POPBRIDGE_CRASH_ROUNDS", "10"))

LONG = 100
"""Rounds from which on the figures are kept in docs/reliability.md, and every instant must have come."""

START_UP = 5.0
"""Seconds that a start after a crash may take."""


@pytest.fixture(scope="module")
def copying(dovecot: Dovecot) -> Iterator[Dovecot]:
    """Give a server that has no MOVE."""
    with Dovecot(extra=f"imap_capability = {WITHOUT_MOVE}") as server:
        yield server


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_killed_at_instants_and_at_random(tmp_path: Path, dovecot: Dovecot, copying: Dovecot, policy: Policy) -> None:
    house, chance = House(tmp_path, copying if policy.copies else dovecot, policy), Random(policy.name)
    house.first_life()
    rounds = ROUNDS if ROUNDS >= LONG or not policy.short else min(ROUNDS, policy.short)
    mixed = chance.sample(policy.instants, len(policy.instants))
    instants = policy.instants if rounds < len(policy.instants) and policy.short else mixed
    for turn in range(rounds):
        house.one_life(instants[turn % len(instants)], chance)
        _check(house.figures)
    house.last_life()
    _check(house.figures)
    if ROUNDS >= LONG:
        write(house.figures)
        assert set(policy.instants) - {RANDOM} <= set(house.figures.killed)


def _check(figures: Figures) -> None:
    assert (figures.lost, figures.again, figures.changed) == (0, 0, 0), figures
    assert figures.slowest < START_UP, figures
