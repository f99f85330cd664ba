"""An upstream that floods: what it sends without end is given up in time, and costs little memory."""

import gc
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from bridge.sandbox import Rule
from bridge.sandbox.faults import Fault, Flood, Say
from tests.faults.house import HEALED, LETTER, REFRESH_WAIT, TIMEOUT, house, letters, within
from tests.faults.outcome import Outcome
from tests.faults.test_reading import fetches

OCTETS = 4_000_000
GROWTH = 3_000_000
"""What a flood of `OCTETS` may cost: it must not grow with it."""

ROW = b'* %d FETCH (UID %d RFC822.SIZE 70 INTERNALDATE "01-Jan-2026 00:00:00 +0000")\r\n'
HEADER = b"* 1 FETCH (UID 1 BODY[HEADER.FIELDS (X%d)] {60000}\r\n" + 60_000 * b"x" + b")\r\n"

OUTCOME = Outcome(
    hears="its list; a message whole, or `-ERR`",
    within=f"login {2 * REFRESH_WAIT:g} s, RETR {3 * TIMEOUT:g} s",
    left="nothing changed; less than 3 MB of memory for a flood of 4 MB",
)


def many(line: bytes) -> Flood:
    """Say a line again and again."""
    piece = line * max(1, 65_536 // len(line))
    return Flood(piece, OCTETS // len(piece))


def every(line: Callable[[int], bytes], lines: int, together: int = 100) -> Flood:
    """Say so many different lines."""
    first = range(0, lines, together)
    return Flood(lambda n: b"".join(map(line, range(first[n], first[n] + together))), len(first))


FLOODS: Mapping[str, tuple[str, str, Fault]] = {
    "a line without an end": ("EXAMINE", "", many(1000 * b"x")),
    "lines of 60 KB": ("EXAMINE", "", many(b"* OK " + 60_000 * b"x" + b"\r\n")),
    "short lines": ("EXAMINE", "", many(b"* OK again and again and again and again\r\n")),
    "rows": ("UID FETCH", "RFC822.SIZE", every(lambda n: ROW % (n + 1, n + 1), OCTETS // 80)),
    "rows from the last to the first": (
        "UID FETCH",
        "RFC822.SIZE",
        every(lambda n: ROW % (99_999 - n, 99_999 - n), OCTETS // 80),
    ),
    "one row": ("UID FETCH", "RFC822.SIZE", many(ROW % (1, 1))),
    "headers": ("UID FETCH", "HEADER.FIELDS", every(lambda n: HEADER % n, OCTETS // 60_000, 1)),
    "texts": ("UID FETCH", "BODY.PEEK[]", many(b"* 1 FETCH (UID 1 BODY[] {1000}\r\n" + 1000 * b"x" + b")\r\n")),
    "a text without an end": ("UID FETCH", "BODY.PEEK[]", Say(b"* 1 FETCH (UID 1 BODY[]<0> {9999999999}\r\n")),
    "texts of nobody": ("UID FETCH", "BODY.PEEK[]", many(b"* 1 FETCH (BODY[] {1000}\r\n" + 1000 * b"x" + b")\r\n")),
}


@pytest.mark.parametrize("name", list(FLOODS))
async def test_a_flood_is_given_up_and_not_kept(tmp_path: Path, autojump_clock: MockClock, name: str) -> None:
    command, arguments, fault = FLOODS[name]
    async with house(tmp_path, texts=letters()[:-1]) as at:
        known = await at.listed()
        at.upstream.drop_connections()
        at.deliver(LETTER.format("new").encode())
        rule = Rule("command", fault, command, arguments, times=1)
        at.strike(rule)
        gc.collect()
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            async with at.connected() as device:
                with within(2 * REFRESH_WAIT):
                    assert (await device.login()).startswith("+OK")
                assert (await device.unique_ids())[: len(known)] == known
                for number in range(1, len(known) + 1):
                    await device.retr(number)
            await trio.sleep(HEALED)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert rule.struck
        assert peak - before < GROWTH
        at.heal()
        await trio.sleep(HEALED)
        # Another size that was measured meanwhile is found out by the first RETR.
        await fetches(at, 3 * TIMEOUT)
        async with at.session() as device:
            assert (await device.unique_ids())[: len(known)] == known
            assert [await device.retr(number + 1) for number in range(len(at.texts))] == at.texts
