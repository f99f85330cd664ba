"""What EXPIRE tells: nothing that does not hold for the device, and before the login nothing that does not for any."""

from dataclasses import replace
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from bridge.model.settings import DeviceSettings, Span
from bridge.session.retention import expire, expire_for_strangers
from tests.session.support import FakeMaildrops, House, device

DAY = 86400
MONTH = {"window": Span("age", 30 * DAY)}
WEEK = {"window": Span("age", 7 * DAY + 3600)}
HOURS = {"window": Span("age", 3600)}
NEWEST = {"window": Span("newest", 200)}
PRINTS = {"on_retrieve": "hide"}
ALWAYS = {"on_retrieve": "hide-unacknowledged", "window": Span("age", 30 * DAY)}


def having(settings: dict[str, Any], name: str = "fax") -> DeviceSettings:
    return replace(device(name), **settings)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "NEVER"),
        ({"on_retrieve": "seen"}, "NEVER"),
        ({"on_delete": "expunge", "start": Span("newest", 5)}, "NEVER"),
        (MONTH, "30"),
        (WEEK, "7"),
        ({"window": Span("age", DAY)}, "1"),
        (HOURS, None),
        (NEWEST, None),
        (PRINTS, "0"),
        (ALWAYS, "0"),
    ],
)
def test_what_a_device_is_told(settings: dict[str, Any], told: str | None) -> None:
    assert expire(having(settings)) == told


@pytest.mark.parametrize(
    ("all_settings", "told"),
    [
        ([], "NEVER"),
        ([{}, {}], "NEVER"),
        ([MONTH, MONTH], "30"),
        ([MONTH, WEEK, {}], "7 USER"),
        ([{}, PRINTS], "0 USER"),
        ([PRINTS, ALWAYS], "0"),
        ([MONTH, NEWEST], None),
        ([NEWEST, PRINTS], "0 USER"),
    ],
)
def test_what_a_stranger_is_told(all_settings: list[dict[str, Any]], told: str | None) -> None:
    assert expire_for_strangers(map(having, all_settings)) == told


async def test_expire_before_and_after_the_login(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    house = House(nursery, FakeMaildrops(), having(MONTH, "fax"), having(WEEK, "till"), device("pc"))
    for name, told in (("fax", "EXPIRE 30"), ("till", "EXPIRE 7"), ("pc", "EXPIRE NEVER")):
        caller = house.call()
        await caller.hear()
        assert "EXPIRE 7 USER" in await caller.lines("CAPA")
        await caller.ask(f"USER {name}")
        await caller.ask("PASS secret")
        assert told in await caller.lines("CAPA")


async def test_a_reload_is_told_to_the_next_connection(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    house = House(nursery, FakeMaildrops())
    house.doorkeeper.replace([having(PRINTS)])
    caller = house.call()
    await caller.hear()
    assert "EXPIRE 0" in await caller.lines("CAPA")
