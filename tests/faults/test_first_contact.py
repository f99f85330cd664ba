"""An upstream that fails before anything was ever listed: devices hear of passing trouble, never of a password."""

import re
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from bridge.index.first_listing import BELIEVED_AFTER
from bridge.sandbox import Rule, Script
from bridge.sandbox.faults import Alter, Point
from tests.faults import table
from tests.faults.house import HEALED, REFRESH_WAIT, house, inbox, letters, within
from tests.faults.outcome import Outcome
from tests.faults.test_listing_lies import put, rows

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


SHORT = {
    "no rows": (rows(lambda told: []),),
    "half of it by rows and search": (rows(lambda told: told[::2]), put(rb"SEARCH 1[^\n]*", b"SEARCH 1 3 5\r")),
    "EXISTS too high": (put(rb"\* \d+ EXISTS", b"* 9 EXISTS"),),
}
"""What a server tells that counts more messages than it names."""


@pytest.mark.parametrize("case", list(SHORT))
async def test_less_than_is_counted_is_not_shown(tmp_path: Path, autojump_clock: MockClock, case: str) -> None:
    upstream = inbox()
    upstream.capabilities = {"IMAP4REV1", "AUTH=PLAIN"}
    for text in letters():
        upstream.deliver("anna", text)
    lies = zip(("UID FETCH", "UID SEARCH"), SHORT[case], strict=False)
    if case == "EXISTS too high":
        lies = zip(("EXAMINE",), SHORT[case], strict=True)
    upstream.script = Script([Rule("command", lie, command, times=None) for command, lie in lies])
    async with house(tmp_path, upstream, listed=False) as at:
        async with at.connected() as device:
            with within(3 * REFRESH_WAIT):
                assert (await device.login()).startswith("-ERR [SYS/TEMP] ")
        if case == "EXISTS too high":
            # It says so all the time: then there is no more.
            await trio.sleep(BELIEVED_AFTER + HEALED)
        else:
            at.heal()
            await trio.sleep(HEALED)
        async with at.session() as device:
            assert len(set(await device.unique_ids())) == len(at.texts)
            assert [await device.retr(number + 1) for number in range(len(at.texts))] == at.texts


def emptied(octets: bytes) -> bytes:
    """Have the server give no octet of any text."""
    texts = re.findall(rb"(\* \d+ FETCH \(UID \d+ BODY\[\](?:<\d+>)?) ", octets)
    return b"".join(text + b' "")\r\n' for text in texts) + octets.splitlines(keepends=True)[-1]


async def test_an_empty_text_is_no_message(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Where the server says that it has octets: the device is told to come again, and gets it once it is there."""
    upstream = inbox()
    for text in letters():
        upstream.deliver("anna", text)
    upstream.script = Script([Rule("command", Alter(emptied), "UID FETCH", "BODY.PEEK[]", times=None)])
    async with house(tmp_path, upstream, listed=False) as at:
        await trio.sleep(100)
        async with at.session() as device:
            assert str(await device.retr(1)).startswith("-ERR [SYS/TEMP] ")
        at.heal()
        await trio.sleep(HEALED)
        async with at.session() as device:
            assert await device.retr(1) == at.texts[0]
