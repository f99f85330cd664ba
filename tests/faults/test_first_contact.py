"""An upstream that fails before anything was ever listed: devices hear of passing trouble, never of a password."""

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from bridge.sandbox import Rule, Script
from bridge.sandbox.faults import Point
from tests.faults import table
from tests.faults.house import HEALED, REFRESH_WAIT, house, inbox, letters, within
from tests.faults.outcome import Outcome

STAGES: dict[str, tuple[Point, str, str]] = {
    "greeting": ("greeting", "", ""),
    "AUTHENTICATE": ("command", "AUTHENTICATE", ""),
    "EXAMINE": ("command", "EXAMINE", ""),
    "listing": ("command", "UID FETCH", "RFC822.SIZE"),
}
HARMLESS = {"segments of one octet"}
CASES = [
    (stage, fault)
    for stage in STAGES
    for fault in table.FEW
    if fault not in HARMLESS and (stage, fault) != ("AUTHENTICATE", "BAD")  # LOGIN is tried then, and works
]
FORGIVEN = 3700.0
"""Seconds until a password that was refused twice is tried again."""

OUTCOME = Outcome(
    hears="`-ERR [SYS/TEMP]` to PASS",
    within=f"{3 * REFRESH_WAIT:g} s",
    left="nothing changed",
)


@pytest.mark.parametrize(("stage", "fault"), CASES)
async def test_it_is_told_to_come_again(tmp_path: Path, autojump_clock: MockClock, stage: str, fault: str) -> None:
    point, command, arguments = STAGES[stage]
    upstream = inbox()
    for text in letters():
        upstream.deliver("anna", text)
    upstream.script = Script([Rule(point, table.ALL[fault], command, arguments, times=None)])
    async with house(tmp_path, upstream, listed=False) as at:
        for _ in range(3):
            async with at.connected() as device:
                with within(3 * REFRESH_WAIT):
                    assert (await device.login()).startswith("-ERR [SYS/TEMP] ")
            await trio.sleep(60)
        at.heal()
        await trio.sleep(FORGIVEN if stage == "AUTHENTICATE" else HEALED)
        async with at.session() as device:
            assert len(set(await device.unique_ids())) == len(at.texts)
            assert [await device.retr(number + 1) for number in range(len(at.texts))] == at.texts
