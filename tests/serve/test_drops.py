"""Connections that drop while a device fetches: it sees one unbroken reply, or its own end, never a mixture."""

from pathlib import Path

import pytest

from bridge.sandbox import Rule, SandboxServer, Script
from bridge.sandbox.faults import Close, Cut, Do, Fault, Reset
from bridge.telemetry import counters
from bridge.upstream.assembly import FIRST_OCTETS
from tests.serve.house import house, inbox
from tests.serve.test_reading_ahead import measured
from tests.support import device
from tests.support.device import Device, Refused
from tests.support.messages import large_message

BIG = large_message(3_000_000)
"""Larger than what is read ahead: fetched in ranges."""

OCTETS = (30_000, 400_000)
"""Read ahead several together: kept whole, and in pieces."""


def upstream_with(*texts: bytes) -> SandboxServer:
    upstream = inbox(0)
    for text in texts:
        upstream.deliver("anna", text)
    return upstream


def drop(upstream: SandboxServer, *faults: Fault, skip: int) -> Rule:
    """Have these faults happen in the body of a message."""
    rule = Rule("literal", faults, "UID FETCH", "BODY.PEEK[]", skip=skip)
    upstream.script = Script([rule])
    return rule


@pytest.mark.parametrize("then", [Close(), Reset()])
@pytest.mark.parametrize(("after", "skip"), [(0, 0), (1, 0), (100_000, 0), (0, 1), (5, 1), (700_000, 1), (9, 3)])
async def test_a_drop_within_a_range_is_not_noticed(tmp_path: Path, then: Close | Reset, after: int, skip: int) -> None:
    upstream = upstream_with(BIG)
    async with house(tmp_path, upstream) as at:
        await measured(at)
        resumed = counters()["upstream_resumed"]
        dropped = drop(upstream, Cut(after, then), skip=skip)
        assert await at.session("fax", lambda fax: fax.retr(1)) == BIG
        assert dropped.struck == 1
        assert counters()["upstream_resumed"] - resumed == 1


@pytest.mark.parametrize("octets", OCTETS)
@pytest.mark.parametrize(("after", "skip"), [(0, 0), (15_000, 1), (1, 5), (29_999, 9)])
async def test_a_drop_within_a_batch_is_not_noticed(tmp_path: Path, octets: int, after: int, skip: int) -> None:
    texts = [large_message(octets, seed) for seed in range(25)]
    upstream = upstream_with(*texts)
    async with house(tmp_path, upstream) as at:
        await measured(at)
        dropped = drop(upstream, Cut(after, Close()), skip=skip)

        def fetch(fax: Device) -> list[bytes]:
            return [fax.retr(number) for number in range(1, 26)]

        assert await at.session("fax", fetch) == texts
        assert dropped.struck == 1


@pytest.mark.parametrize(
    "other",
    [BIG + b"more\r\n", BIG[:-2000], BIG.replace(b"a", b"b"), b"", BIG[: FIRST_OCTETS + 3]],
    ids=["longer", "shorter", "other octets", "empty", "ends where it was"],
)
@pytest.mark.parametrize("after", [0, 5, 500_000])
async def test_another_message_after_the_drop_ends_the_connection(tmp_path: Path, after: int, other: bytes) -> None:
    upstream = upstream_with(BIG)
    async with house(tmp_path, upstream) as at:
        await measured(at)
        rewrite = Do(lambda: upstream.mailbox("anna").rewrite(1, other))
        drop(upstream, rewrite, Cut(after, Close()), skip=1)
        came: list[bytes] = []

        def fetch(fax: Device) -> None:
            came.extend(fax.body("RETR 1"))

        with pytest.raises(device.Cut):
            await at.session("fax", fetch)
    # What had come is of the message that was there; nothing told the device that this was its end.
    assert BIG.startswith(b"".join(came))
    assert len(came) < BIG.count(b"\n")


@pytest.mark.parametrize("octets", OCTETS)
async def test_another_message_within_a_batch_is_not_sent_as_the_one_that_was_listed(
    tmp_path: Path, octets: int
) -> None:
    texts = [large_message(octets, seed) for seed in range(25)]
    upstream = upstream_with(*texts)
    async with house(tmp_path, upstream) as at:
        await measured(at)
        rewrite = Do(lambda: upstream.mailbox("anna").rewrite(8, large_message(octets + 500, 99)))
        drop(upstream, rewrite, Cut(100, Close()), skip=7)

        came: list[bytes] = []

        def fetch(fax: Device) -> None:
            came.extend(fax.retr(number) for number in range(1, 26))

        with pytest.raises((Refused, device.Cut)):
            await at.session("fax", fetch)
    assert came == texts[:7]
