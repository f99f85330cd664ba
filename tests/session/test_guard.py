"""The guard against mass deletion: what is above it is hidden from the device, and upstream waits for the owner."""

import pytest
import trio
from trio.testing import MockClock

from bridge.telemetry.counters import counters
from tests.session.support import FakeMaildrops, House, device


@pytest.mark.parametrize(
    ("max_deletes", "familiar", "deleted", "state"),
    [
        (1, 3, "12", "held"),
        (2, 3, "12", "waiting"),
        (1, 1, "123", "waiting"),
        (1, 2, "123", "held"),
        (1, 0, "12", "held"),
        (0, 3, "123", "waiting"),
    ],
)
async def test_deletions_are_held(
    autojump_clock: MockClock, nursery: trio.Nursery, max_deletes: int, familiar: int, deleted: str, state: str
) -> None:
    fax = device(on_delete="trash", max_deletes=max_deletes)
    house = House(nursery, FakeMaildrops(familiar=familiar), fax, device("pc"))
    caller = house.call()
    await caller.log_in()
    for num in deleted:
        await caller.ask(f"DELE {num}")
    before = counters()["updates_held"]
    assert await caller.ask("QUIT") == "+OK goodbye"
    [plan] = house.maildrops.plans
    assert plan.hide == tuple(map(int, deleted))
    assert {intent.state for intent in plan.intents} == {state}
    assert set(plan.electorate) == {"fax", "pc"}
    assert counters()["updates_held"] - before == (state == "held")
