"""An upstream that fails while it is reached and listed: the device polls on, and loses and gains nothing by it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from bridge.sandbox import ALL_CAPABILITIES, Rule, SandboxServer
from bridge.sandbox.faults import Point
from tests.faults import table
from tests.faults.house import HEALED, LETTER, REFRESH_WAIT, TIMEOUT, Cut, House, house, inbox, within
from tests.faults.outcome import Outcome

NEW = LETTER.format("new").encode()

STAGES: dict[str, tuple[Point, str, str, set[str]]] = {
    # What is at fault, and what the server must not offer so that it is asked for.
    "greeting": ("greeting", "", "", set()),
    "CAPABILITY": ("command", "CAPABILITY", "", {"tells"}),
    "AUTHENTICATE": ("command", "AUTHENTICATE", "", set()),
    "AUTHENTICATE, at its end": ("tagged", "AUTHENTICATE", "", set()),
    "LOGIN": ("command", "LOGIN", "", {"AUTH=PLAIN"}),
    "ID": ("command", "ID", "", set()),
    "LIST": ("command", "LIST", "", {"SPECIAL-USE"}),
    "EXAMINE": ("command", "EXAMINE", "", set()),
    "EXAMINE, at its end": ("tagged", "EXAMINE", "", set()),
    "listing": ("command", "UID FETCH", "RFC822.SIZE", set()),
    "listing, at its end": ("tagged", "UID FETCH", "RFC822.SIZE", set()),
    "headers": ("command", "UID FETCH", "HEADER.FIELDS", set()),
    "SEARCH": ("command", "UID SEARCH", "", set()),
    "IDLE": ("command", "IDLE", "", set()),
    "NOOP": ("command", "NOOP", "", {"IDLE"}),
}
SIGN_INS = {"AUTHENTICATE", "AUTHENTICATE, at its end", "LOGIN"}

FORGIVEN = 3700.0
"""Seconds until a password is tried again that was refused twice, without a word that it is that."""


CODES = ("AUTHENTICATE", "EXAMINE")
"""Where every response code is tried."""

IN_FULL = (*CODES, "listing")
"""Where all that is no IMAP is tried."""

OUTCOME = Outcome(
    hears="at least all that it was shown before; to RETR the message, or `-ERR [SYS/TEMP]`",
    within=f"login {2 * REFRESH_WAIT:g} s, RETR {3 * TIMEOUT:g} s, QUIT {TIMEOUT:g} s",
    left="nothing changed",
)


def cases() -> Iterator[object]:
    for stage in STAGES:
        codes = table.REFUSALS if stage in CODES else {}
        odd = {**table.ENDS, **table.SILENCES, **table.NONSENSE, **table.ODDITIES} if stage in IN_FULL else {}
        for name in {**table.FEW, **codes, **odd}:
            yield pytest.param(stage, name, id=f"{stage}: {name}")


def server(without: set[str]) -> SandboxServer:
    upstream = inbox()
    upstream.capabilities = set(ALL_CAPABILITIES - without)
    upstream.tells_capabilities = "tells" not in without
    return upstream


async def polls(at: House, known: list[str]) -> None:
    """See that the device is shown at least all it knew, in time, and that a message comes whole or not at all."""
    async with at.connected() as device:
        with within(2 * REFRESH_WAIT):
            answer = await device.login()
        assert answer.startswith("+OK"), answer
        found = await device.unique_ids()
        assert found[: len(known)] == known
        with within(3 * TIMEOUT):
            try:
                text = await device.retr(1)
            except Cut:
                return
        assert text == at.texts[0] or str(text).startswith("-ERR [SYS/TEMP]"), text
        with within(TIMEOUT):
            assert (await device.say("QUIT")).startswith("+OK")


async def whole(at: House, known: list[str]) -> None:
    """See that everything works: nothing lost, nothing renamed, nothing changed upstream."""
    async with at.session() as device:
        found = await device.unique_ids()
        assert found[: len(known)] == known
        assert [await device.retr(number + 1) for number in range(len(found))] == at.texts
    left = list(at.upstream.mailbox("anna"))
    assert [message.octets for message in left] == at.texts
    assert not any(message.flags for message in left)


@pytest.mark.parametrize(("stage", "fault"), list(cases()))
async def test_a_device_polls_on(tmp_path: Path, autojump_clock: MockClock, stage: str, fault: str) -> None:
    point, command, arguments, without = STAGES[stage]
    async with house(tmp_path, server(without)) as at:
        known = await at.listed()
        faults = table.ALL[fault]
        at.strike(Rule(point, faults, command, arguments, times=None))
        at.upstream.drop_connections()
        at.deliver(NEW)
        await polls(at, known)
        await trio.sleep(HEALED)
        await polls(at, known)
        at.heal()
        refused = fault in table.REFUSALS and stage in SIGN_INS
        await trio.sleep(FORGIVEN if refused else HEALED)
        if refused:
            # What a server clearly refused is tried again when its owner says so.
            await at.ask("account_retry", account="anna")
            await trio.sleep(HEALED)
        await whole(at, known)
