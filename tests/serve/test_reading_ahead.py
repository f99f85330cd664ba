"""A download through a whole bridge: the same octets as upstream, and few round trips."""

import threading
from pathlib import Path

import pytest
import trio
import trio.testing

from bridge.octets import CrlfRepair
from bridge.sandbox import Rule, SandboxServer, Script
from bridge.sandbox.faults import Answer, Close, Cut
from bridge.telemetry import counters
from tests.serve.house import LETTER, House, house, inbox
from tests.support.device import Device
from tests.support.messages import MESSAGES, large_message

LETTERS = 300
FETCHES = 12
"""Commands for so many messages at most: the first windows are small."""


def bodies(upstream: SandboxServer) -> int:
    """How many commands asked for whole messages or ranges."""
    return sum("BODY.PEEK[]" in moment.arguments for moment in upstream.commands("UID FETCH"))


async def unmeasured(at: House) -> int:
    accounts = (await at.ask("status"))["accounts"]
    return sum(mailbox["unmeasured"] for account in accounts for mailbox in account["mailboxes"])


async def measured(at: House) -> None:
    """Wait until nothing is fetched in the background any more."""
    with trio.fail_after(20):
        while await unmeasured(at):
            await trio.testing.wait_all_tasks_blocked(0.01)


def repaired(message: bytes) -> bytes:
    repair = CrlfRepair()
    return repair.feed(message) + repair.finish()


async def test_a_download_in_order_takes_few_commands(tmp_path: Path) -> None:
    upstream = inbox(LETTERS)
    async with house(tmp_path, upstream) as at:
        await measured(at)
        before, hits = bodies(upstream), counters()["read_ahead_hits"]

        def fetch(device: Device) -> list[bytes]:
            return [device.retr(number) for number in range(1, LETTERS + 1)]

        assert await at.session("fax", fetch) == [LETTER.format(n).encode() for n in range(1, LETTERS + 1)]
        assert bodies(upstream) - before <= FETCHES
        assert counters()["read_ahead_hits"] - hits == LETTERS


@pytest.mark.parametrize("backwards", [False, True])
async def test_odd_messages_come_as_they_would_alone(tmp_path: Path, backwards: bool) -> None:
    upstream = inbox(0)
    texts = [*MESSAGES.values(), large_message(300_000), large_message(2_000_000)]
    for each in texts:
        upstream.deliver("anna", each)
    async with house(tmp_path, upstream) as at:

        def fetch(device: Device) -> list[bytes]:
            order = range(1, len(texts) + 1)
            found = {number: device.retr(number) for number in (reversed(order) if backwards else order)}
            return [found[number] for number in order]

        assert await at.session("fax", fetch) == [repaired(each) for each in texts]


async def test_commands_sent_together_are_answered_in_their_order(tmp_path: Path) -> None:
    async with house(tmp_path, inbox(50)) as at:

        def fetch(device: Device) -> list[bytes]:
            device.send(b"".join(b"RETR %d\r\nDELE %d\r\n" % (n, n) for n in range(1, 51)) + b"STAT\r\n")
            found = []
            for _ in range(50):
                found.append(b"".join(iter(device.line, b".\r\n")).partition(b"\r\n")[2])
                assert device.line().startswith(b"+OK")
            assert device.line().startswith(b"+OK 0 0")
            return found

        assert await at.session("fax", fetch) == [LETTER.format(n).encode() for n in range(1, 51)]
        assert await at.session("fax", Device.stat) == (0, 0)


@pytest.mark.parametrize("after", [0, 3, 20])
async def test_a_connection_lost_under_a_batch_is_not_noticed_by_the_device(tmp_path: Path, after: int) -> None:
    upstream = inbox(60)
    async with house(tmp_path, upstream) as at:
        await measured(at)
        upstream.script = Script([Rule("literal", Cut(5, Close()), "UID FETCH", "BODY.PEEK[]", skip=after)])
        found = await at.session("fax", lambda device: [device.retr(number) for number in range(1, 61)])
    assert found == [LETTER.format(n).encode() for n in range(1, 61)]


async def test_a_server_that_refuses_batches_is_asked_for_each(tmp_path: Path) -> None:
    upstream = inbox(30)
    async with house(tmp_path, upstream) as at:
        await measured(at)
        refusal = Answer("NO", "not so many")
        upstream.script = Script([Rule("command", refusal, "UID FETCH", "BODY.PEEK[])", times=None)])
        found = await at.session("fax", lambda device: [device.retr(number) for number in range(1, 31)])
    assert found == [LETTER.format(n).encode() for n in range(1, 31)]


async def test_two_devices_side_by_side_cost_little_more_than_one(tmp_path: Path) -> None:
    upstream = inbox(120)
    async with house(tmp_path, upstream) as at:
        await measured(at)
        before, octets = bodies(upstream), counters()["upstream_octets"]
        found: dict[str, list[bytes]] = {}
        together = threading.Barrier(2, timeout=20)

        def retrieve(device: Device) -> list[bytes]:
            together.wait()
            letters = [device.retr(number) for number in range(1, 121)]
            together.wait()
            return letters

        async def fetch(login: str) -> None:
            found[login] = await at.session(login, retrieve)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(fetch, "fax")
            nursery.start_soon(fetch, "den")
    assert found["fax"] == found["den"] == [LETTER.format(n).encode() for n in range(1, 121)]
    assert bodies(upstream) - before <= FETCHES
    assert counters()["upstream_octets"] - octets < 2 * sum(map(len, found["fax"]))
