"""An upstream that fails while what QUIT promised is carried out: nothing else is touched, and nothing comes back."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from bridge.model.settings import OnDelete
from bridge.sandbox import ALL_CAPABILITIES, Rule
from bridge.sandbox.faults import Alter, Answer, Point
from tests.faults import table
from tests.faults.house import House, house, inbox
from tests.faults.outcome import Outcome
from tests.faults.table import Faults

ENOUGH = 1000.0
"""Seconds in which an intent is tried again, after what it failed in `FAILING`."""

FAILING = 300.0

OURS, OTHERS = 2, 3
"""UIDs: one that the device deletes, and one that somebody else marked `\\Deleted` and did not expunge."""

STAGES: Mapping[str, tuple[OnDelete, str, str]] = {
    "SELECT": ("trash", "SELECT", ""),
    "FETCH": ("trash", "UID FETCH", "(UID RFC822.SIZE FLAGS"),
    "MOVE": ("trash", "UID MOVE", ""),
    "COPY": ("trash", "UID COPY", "MOVE"),
    "STORE of a copy": ("trash", "UID STORE", "MOVE"),
    "EXPUNGE of a copy": ("trash", "UID EXPUNGE", "MOVE"),
    "STORE": ("expunge", "UID STORE", ""),
    "EXPUNGE": ("expunge", "UID EXPUNGE", ""),
    "seen": ("seen", "UID STORE", ""),
}
"""What is done, the command at fault, and what the server must lack so that it is sent."""

LIES: Mapping[str, Faults] = {
    "OK and nothing done": (Answer("OK"),),
    "COPYUID that lies": (Alter(lambda octets: octets.replace(b"COPYUID ", b"COPYUID 9")),),
    "no COPYUID": (Alter(lambda octets: octets.replace(b"COPYUID", b"XODD")),),
}

OUTCOME = Outcome(
    hears="`+OK` to QUIT, and what it deleted stays hidden",
    within="QUIT at once; upstream when it can be",
    left="the message in its place, or where it was to go, a copy too many at most; nothing else is touched",
)


def cases() -> Iterator[object]:
    for stage in STAGES:
        faults = {**table.FEW, **(table.REFUSALS if stage == "MOVE" else {}), **LIES}
        for name in faults:
            yield pytest.param(stage, "command", faults[name], id=f"{stage}: {name}")
        for name in ("close", "hang", "NO"):
            yield pytest.param(stage, "tagged", table.ALL[name], id=f"{stage}, done: {name}")


def kept(at: House, name: str) -> list[bytes]:
    return [message.octets for message in at.upstream.mailbox("anna", name)]


def nothing_else(at: House, policy: OnDelete) -> None:
    """See that every message is somewhere, but for the one that may be gone, and others' marks are as they were."""
    there = [*kept(at, "INBOX"), *kept(at, "Trash")]
    mine = at.texts[OURS - 1]
    assert {*there, mine} == set(at.texts)
    assert mine in there or policy == "expunge"
    for message in at.upstream.mailbox("anna"):
        if message.uid != OURS:
            assert message.flags == ({"\\Deleted"} if message.uid == OTHERS else frozenset())


@pytest.mark.parametrize(("stage", "point", "faults"), list(cases()))
async def test_a_promise_is_kept_or_put_off(
    tmp_path: Path, autojump_clock: MockClock, stage: str, point: Point, faults: Faults
) -> None:
    policy, command, without = STAGES[stage]
    upstream = inbox()
    lacks = without if without == "MOVE" else ""
    upstream.capabilities = set(ALL_CAPABILITIES - {lacks})
    async with house(tmp_path, upstream, on_delete=policy) as at:
        at.upstream.mailbox("anna").set_flags(OTHERS, frozenset({"\\Deleted"}))
        known = await at.listed()
        at.strike(Rule(point, faults, command, without if not lacks else "", times=None))
        async with at.session() as device:
            await device.ok(f"DELE {OURS}")
        left = [uidl for number, uidl in enumerate(known, 1) if number != OURS]
        for _ in range(3):
            await trio.sleep(FAILING / 3)
            nothing_else(at, policy)
            assert await at.listed() == left
        assert at.script.rules[0].struck
        at.heal()
        await trio.sleep(ENOUGH)
        nothing_else(at, policy)
        assert await at.listed() == left
        ours = [message for message in at.upstream.mailbox("anna") if message.uid == OURS]
        assert not any("\\Deleted" in message.flags for message in ours), "somebody's EXPUNGE would take it"
        assert len(kept(at, "Trash")) <= 2, "at most one copy too many"
        async with at.session() as device:
            for number, text in enumerate([text for text in at.texts if text != at.texts[OURS - 1]], 1):
                assert await device.retr(number) == text


@pytest.mark.parametrize("name", ["NO [UNAVAILABLE]", "NO", "close", "hang"])
@pytest.mark.parametrize("stage", STAGES)
async def test_what_was_put_off_is_done_in_the_end(
    tmp_path: Path, autojump_clock: MockClock, stage: str, name: str
) -> None:
    policy, command, without = STAGES[stage]
    upstream = inbox()
    lacks = without if without == "MOVE" else ""
    upstream.capabilities = set(ALL_CAPABILITIES - {lacks})
    async with house(tmp_path, upstream, on_delete=policy) as at:
        at.strike(Rule("command", table.ALL[name], command, without if not lacks else "", times=None))
        async with at.session() as device:
            await device.ok(f"DELE {OURS}")
        await trio.sleep(FAILING)
        at.heal()
        await trio.sleep(ENOUGH)
        mine = at.texts[OURS - 1]
        if policy == "seen":
            assert [m.flags for m in at.upstream.mailbox("anna") if m.uid == OURS] == [{"\\Seen"}]
        else:
            assert mine not in kept(at, "INBOX")
            assert kept(at, "Trash") == ([mine] if policy == "trash" else [])
